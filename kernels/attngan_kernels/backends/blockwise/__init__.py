"""Attention in O(N) memory in plain torch operations."""
