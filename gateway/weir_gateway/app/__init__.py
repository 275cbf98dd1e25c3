"""Builds the gateway from its settings and runs it. The one place that knows every part."""
