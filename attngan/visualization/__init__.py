"""Pictures that people look at: attention maps, interpolations, curves, neighbours."""
