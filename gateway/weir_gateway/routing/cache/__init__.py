"""The response cache: keys, lookup, single flight, and replies served from it."""
