"""Sums of money that outlive a gateway or are shared by several: kept in memory, told to a store.

`sums` is what the rest asks and never waits; `redis` and `sqlite` are stores, the one for several
machines, the other for one. Must not know what a sum is for.
"""
