"""Attention as fused Triton kernels. `backend` and `configs` import without Triton, the rest needs it."""
