"""The ledger: every request's decision and what it cost, kept in a file that outlives the gateway.

Accounts hand entries over in memory (`accounts`), a task writes them in batches (`writer`), a store
knows the file (`sqlite`). Nothing of it holds up a request.
"""
