"""The gateway's values: frozen, typed, free of I/O.

Must not know HTTP, gRPC, protobuf or any other layer of the gateway.
"""
