"""What is trained: all that differs between tasks, one file a task."""
