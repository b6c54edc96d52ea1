"""The ways to compute attention. None imports another; `attngan_kernels.attention` chooses among them."""
