"""Trains the heads that ship with the default bundle, and writes their card.

    python -m weir_lab.default_heads --data DIR --out scorer/weir_scorer/build/heads

Repeatable: one data set and one version of the code give the same bytes on one machine.
"""
