"""Shipped generators, one folder each: config.json, generator.safetensors in fp16, and a model card."""
