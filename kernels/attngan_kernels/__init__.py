"""attngan_kernels: fused attention that can be differentiated twice. Needs torch alone, and Triton on a GPU."""

from attngan_kernels.attention import attention, attention_weights, explain
from attngan_kernels.forward_mode import attention_jvp

__all__ = ["attention", "attention_jvp", "attention_weights", "explain"]
