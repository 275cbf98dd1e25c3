"""One request's way: match → rules → filter → score → pick → dispatch → account, a file a step.

Pure steps over the ports in ports.py. Must not know aiohttp, grpc or protobuf.
"""
