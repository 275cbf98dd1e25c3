"""Applies resources: compiles them, gives gateways the table, and writes statuses.

The API server is reached by the port in cluster.py, so that tests use a fake. Must not know kopf.
"""
