"""attngan: train attention GANs in PyTorch and ship the generator as one ONNX file."""

__version__ = "0.1.0"
