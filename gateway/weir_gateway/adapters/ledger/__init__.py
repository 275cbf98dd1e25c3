"""The ledger: a row per request with its decision and cost, stored in a file or sent by OTLP.

`recorder` queues entries in memory, `writer` writes them in batches, `sqlite` and `otlp` store
them. No request waits for the ledger.
"""
