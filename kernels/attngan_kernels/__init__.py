"""attngan_kernels: fused attention that can be differentiated twice. Needs torch alone."""

from attngan_kernels.attention import attention, attention_weights, explain

__all__ = ["attention", "attention_weights", "explain"]
