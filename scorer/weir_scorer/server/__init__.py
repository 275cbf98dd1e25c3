"""The scorer's gRPC service, and the bundle behind it, which can be swapped while serving.

Must not know environment variables.
"""
