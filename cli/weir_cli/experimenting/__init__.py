"""What an experiment's rows in the ledger show, and how sure that is.

`reading` sums the rows by conversation, `statistics` compares, `picture` draws. None of them knows
how variants are assigned.
"""
