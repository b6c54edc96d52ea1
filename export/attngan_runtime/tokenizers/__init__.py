"""Words as the numbers that graphs take, and back, by the `tokenizer.json` of a bundle; without torch."""
