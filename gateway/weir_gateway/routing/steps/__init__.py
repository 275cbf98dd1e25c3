"""The steps of a decision, one file each, in the order that `routing/decide.py` calls them."""
