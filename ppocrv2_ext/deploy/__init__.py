"""Deployment: exported models, ONNX with a parity check, and reading text lines with either."""
