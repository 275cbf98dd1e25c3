"""From resources to the route table, and what is to be told of each resource.

Pure: the same resources in any order give the same bytes. Must not know Kubernetes clients, files,
the clock or the network.
"""
