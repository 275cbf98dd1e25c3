"""The shapes of RoutePolicy and ModelBackend: each field's kind, default and sentence."""
