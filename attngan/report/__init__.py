"""The one page about a run."""
