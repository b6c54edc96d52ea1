"""Latency, time to the first sample, and memory of a bundle, beside PyTorch."""
