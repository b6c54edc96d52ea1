"""The package's one error class; it lives with the runtime, which must not import attngan."""

from attngan_runtime.errors import AttnGANError

__all__ = ["AttnGANError"]
