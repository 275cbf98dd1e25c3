"""What stands between routing and the providers so that a failing one is not the client's problem.

State machines that are told the time, and one composition of them (upstreams.py). Must not know
HTTP: calls are made by whoever fills `ports.Caller`.
"""
