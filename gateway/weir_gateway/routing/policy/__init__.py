"""Which policy serves a request: the compiled table, matching, authorization and variants."""
