"""Generators and discriminators, one file a task."""
