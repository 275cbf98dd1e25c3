"""Agents' recorded runs: how well failure is seen coming, fitted weights, a gate replayed."""
