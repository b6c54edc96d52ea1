"""One module a command of `attngan`; each imports torch only when it runs."""
