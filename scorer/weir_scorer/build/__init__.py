"""Builds bundles. Needs onnx and safetensors; nothing that serves a bundle imports this."""
