"""`weir profile`: adds a model to a bundle by its outcomes on probe prompts."""
