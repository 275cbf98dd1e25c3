"""Cached answers: in this process (`memory`), and in a Redis that gateways share (`shared`)."""
