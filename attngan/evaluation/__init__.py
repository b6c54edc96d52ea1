"""What `attngan evaluate` and `attngan memorisation` find out about a generator, as tables."""
