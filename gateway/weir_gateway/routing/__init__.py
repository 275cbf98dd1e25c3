"""One request's way: match → rules → cache → filter → score → pick → dispatch → account.

A file a step, pure, over the ports in ports.py. Must not know aiohttp, grpc or protobuf.
"""
