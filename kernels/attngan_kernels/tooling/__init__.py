"""What the commands `aot`, `tune` and `selfcheck` are made of."""
