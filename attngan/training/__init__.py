"""What surrounds the algorithm while a run trains: its batches, its state on disk, its records, its recovery."""
