"""Weir measured beside a bare proxy, side by side in one run. Never a timed test."""
