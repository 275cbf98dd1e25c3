"""Token servers of clouds, and a provider that takes only their tokens."""
