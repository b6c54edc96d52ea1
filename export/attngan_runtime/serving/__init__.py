"""A generator behind HTTP."""
