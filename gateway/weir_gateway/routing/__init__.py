"""How a request is decided, dispatched and accounted; `pipeline.py` is the facade.

`decide.py` lists every step of a decision in order; `policy/`, `steps/`, `cache/`, `cascade/` and
`budget/` hold them. Must not know aiohttp, gRPC or protobuf.
"""
