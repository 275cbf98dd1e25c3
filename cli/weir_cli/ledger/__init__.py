"""`weir ledger`: sums, single decisions and exports of the ledger that gateways write."""
