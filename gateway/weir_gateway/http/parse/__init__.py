"""Parses client requests: one module per client API, from bytes to a domain `Request`."""
