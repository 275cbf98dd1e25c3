"""Reads prompts through a bundle's encoder, and writes bundles with what was learnt.

What comes out is served by the scorer as it is. Must not know the command line.
"""
