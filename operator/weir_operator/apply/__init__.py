"""The work on a cluster: compile what is there, give it to gateways, tell what became of it.

Over narrow Protocols (`cluster.py`), so that it runs against a fake. Must not know kopf.
"""
