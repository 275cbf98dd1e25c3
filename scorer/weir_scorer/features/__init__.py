"""Texts to numbers, pure: no ONNX, no files, no clock."""
