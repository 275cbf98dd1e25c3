"""Pure functions from a text to numbers. Must not know ONNX, tokenizers or files."""
