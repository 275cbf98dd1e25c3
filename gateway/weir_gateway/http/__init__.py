"""The HTTP edge: wires in, domain requests out, and back. Raw dicts stop here."""
