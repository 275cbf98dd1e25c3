"""Limits: counted in memory by one gateway, or in Redis by several.

`shared` counts in Redis, and in memory while that is unavailable. Must not know policies or keys,
only counters by name.
"""
