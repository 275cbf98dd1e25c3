"""Sums of money that survive a restart or are shared by gateways. Must not know their purpose.

`sums` holds them in memory and never waits; `redis` (several machines) and `sqlite` (one machine)
store them.
"""
