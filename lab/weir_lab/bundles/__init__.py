"""Reads prompts through a bundle's encoder, and writes bundles with trained parts.

The scorer serves the written bundles unchanged. Must not know the command line.
"""
