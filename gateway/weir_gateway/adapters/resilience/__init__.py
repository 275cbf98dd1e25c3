"""Retries, hedges, circuit breakers, load balancing and probes between routing and the providers.

State machines with an injected clock, and one composition of them (`upstreams`). Must not know
HTTP: calls are made through `prober.Caller`.
"""
