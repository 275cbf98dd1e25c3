"""Cascades: the weakest candidate answers first; a check, samples or a judge may escalate."""
