"""The scorer's gRPC surface and the bundle behind it, swapped while serving.

Knows how to listen, answer, describe, swap and drain; must not know of environment variables.
"""
