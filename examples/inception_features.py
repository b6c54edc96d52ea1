"""FID and its like in the features of papers, for those who have Inception's weights.

    pip install torch-fidelity
    cd examples
    attngan evaluate fashion-32 --data /usr/share/datasets/fashion-mnist --features inception_features:inception

torch-fidelity downloads the weights on first use. A number from a paper can be compared with only if its pictures,
their number and their resizing are the same too.
"""

from functools import cache

import torch


@cache
def network():
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    # Resizes to 299² as TensorFlow's Inception does, which published figures need.
    return FeatureExtractorInceptionV3("inception-v3-compat", ["2048"]).eval()


@torch.no_grad()
def inception(images):
    """float32 [N, 2048] of pictures uint8 [N, H, W, 1 or 3]."""
    pictures = torch.from_numpy(images).permute(0, 3, 1, 2).expand(-1, 3, -1, -1)
    (features,) = network()(pictures)
    return features.numpy()


inception.name = "Inception v3 (torch-fidelity, 2,048 values)"  # printed beside the figures
inception.version = "1"  # features of real pictures are kept; change it when the lines above change the features
