"""Frozen networks whose features pictures and sentences are compared by, and a cache of what they gave."""
