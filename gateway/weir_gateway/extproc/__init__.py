"""The decision for an Envoy that forwards requests itself, by its external processing API.

Envoy sends the parts of a request as messages; the answers change its `model` and its headers. What
passes over HTTP is in `http/`; what is decided and accounted is the same.
"""
