"""What `attngan sample` makes of a generator, one file a task."""
