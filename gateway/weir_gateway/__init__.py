"""The gateway: decides, per request, which model answers, forwards, and streams back.

Knows nothing of Kubernetes: it runs a RouteTable that comes from a stream or a file.
"""
