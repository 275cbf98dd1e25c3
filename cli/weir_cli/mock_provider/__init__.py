"""`weir stand-in`: a mock provider with the APIs of OpenAI, Anthropic and Google; it has no model.

An answer is a pure function of the request. Faults come at an exact rate. `GET /stand-in/stats`
returns what was received, so that tests can compare it with the gateway's ledger.
"""
