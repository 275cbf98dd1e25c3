"""The HTTP edge: parses clients' requests into domain values and writes the responses.

Raw dicts stop here. Must not know adapters: `app` passes them in, behind protocols.
"""
