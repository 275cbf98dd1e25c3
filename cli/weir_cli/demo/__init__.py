"""`weir demo`: sends a few prompts through a running Weir and shows the decisions."""
