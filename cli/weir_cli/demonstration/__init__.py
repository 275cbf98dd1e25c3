"""`weir demo`: a handful of prompts through a running Weir, and what became of them as a table.

Must not know how Weir is started.
"""
