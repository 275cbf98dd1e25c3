"""`weir stand-in`: a mock provider with the APIs of OpenAI and Anthropic; no model is behind it.

An answer is a pure function of the request. Faults come at an exact rate. `GET /stand-in/stats`
returns what was received, so that tests can compare it with the gateway's ledger.
"""
