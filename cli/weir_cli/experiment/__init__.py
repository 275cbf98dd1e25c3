"""`weir experiment`: compares the variants of a policy, from the ledger."""
