"""Merging waiting texts into batches for one engine. Knows no wire, no bundle folder, no socket."""
