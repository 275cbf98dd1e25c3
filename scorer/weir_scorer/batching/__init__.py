"""Merges waiting texts into batches for one bundle's engines.

Must not know gRPC, the protobuf messages or a bundle's folder; an engine only by its port.
"""
