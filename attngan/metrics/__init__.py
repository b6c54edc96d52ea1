"""Arrays in, numbers with their errors out; what each figure says is in docs/metrics.md."""
