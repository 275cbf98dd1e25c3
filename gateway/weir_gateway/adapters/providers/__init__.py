"""Calls to model providers: connections, credentials, address checks, replies and errors."""
