"""Layouts in memory that every backend reads: name → what makes a tensor [B, H, N, D] of that layout."""

import torch

LAYOUTS = {
    "heads inside": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),  # as a projection leaves them
    "last stride 2": lambda x: torch.cat([x, x], -1)[..., ::2],
    "last stride 0": lambda x: x[..., :1].expand(x.shape),
    "rows stride 0": lambda x: x[:, :, :1].expand(x.shape),
    "batch stride 0": lambda x: x[:1].expand(x.shape),
    "transposed": lambda x: x.mT.contiguous().mT,
    "flipped half": lambda x: torch.cat([x, x.flip(2)], 2)[:, :, 1 : 1 + x.shape[2]],
}
