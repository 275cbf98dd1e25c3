"""Gemini's format: contents, usage and what each model takes, for translators and the wire."""
