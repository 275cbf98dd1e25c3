"""`weir replay`: what a policy would have cost, and kept of the quality, on recorded prompts."""
