"""Stores of budget spending: in memory, in an SQLite file of one machine, or in Redis.

`sync` synchronises with them twice a second; they fill routing's BudgetStore.
"""
