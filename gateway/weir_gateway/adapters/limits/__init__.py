"""Limits counted: by one gateway in memory, by several in the Redis they share.

`shared` is what routing asks: it goes to Redis and, while that is gone, to memory. Must not know
policies or keys, only counters by name.
"""
