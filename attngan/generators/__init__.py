"""Loaded generators, in PyTorch or under ONNX Runtime, and what names them."""
