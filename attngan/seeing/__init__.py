"""Pictures and pages for people: attention maps, interpolation, curves, neighbours, reports."""
