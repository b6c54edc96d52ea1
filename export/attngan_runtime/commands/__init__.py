"""What `attngan-run` does, a module for each of its jobs, and what all command lines of attngan share."""
