"""`weir train`: adapts a router to labels, or trains one from labels alone."""
