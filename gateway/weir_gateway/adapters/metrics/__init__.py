"""Decision metrics and the decision log."""
