"""Streams of randomness below a run's seed, so that no two uses share one."""

from __future__ import annotations

from enum import IntEnum


class Stream(IntEnum):
    """The first place of `attngan.random.derive` below the seed; numbers never change, or runs would."""

    LATENTS = 1
    AUGMENTATION = 2
    INITIAL = 3  #: weights of both networks
    HOLDOUT = 4
    SALT = 5  #: other batches after a rollback
    HELD_OUT_ORDER = 6
    MATCHING_INITIAL = 7  #: weights of the text encoder and of what it is matched with
    MATCHING_ORDER = 8
    MATCHING_CAPTIONS = 9
    MATCHING_AUGMENTATION = 10
    MATCHING_WORDS = 11  #: which of them are shown as unknown
    CAPTIONS = 12  #: what chance calls a picture
    LIKELIHOOD_ORDER = 13
    LIKELIHOOD_KEYWORDS = 14  #: which content words of a sentence are shown as its key words
    LIKELIHOOD_DROPOUT = 15
    KEYWORDS = 16  #: the same against the discriminator
    MEASURED_KEYWORDS = 17  #: the same of held-out sentences
