"""From a generator's output to pictures as files and screens have them."""

from __future__ import annotations

import numpy as np


def to_uint8(pictures: np.ndarray) -> np.ndarray:
    """float32 [B, C, H, W] in [−1, 1] → uint8 [B, H, W, C]; values beyond are cut off.

    Four channels are colour premultiplied by alpha, then alpha, and come out as straight alpha, as PNG has it.
    """
    values = np.clip((pictures.transpose(0, 2, 3, 1) + 1) * 127.5, 0, 255)
    if values.shape[3] == 4:
        # Where alpha rounds to 0 the colour can't be seen, and dividing by it would show noise to whoever edits it.
        alpha = values[..., 3:]
        colour = np.divide(values[..., :3] * 255, alpha, out=np.zeros_like(values[..., :3]), where=alpha >= 0.5)
        values = np.concatenate([np.minimum(colour, 255), alpha], 3)
    return np.rint(values).astype(np.uint8)
