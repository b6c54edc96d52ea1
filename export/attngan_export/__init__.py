"""attngan_export: from a trained generator to a bundle, compared with PyTorch before it is written."""
