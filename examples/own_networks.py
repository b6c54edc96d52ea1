"""Your own generator and discriminator under attngan's trainer: eight Gaussians on a circle."""

import torch
from torch import nn

from attngan.trainer import Settings, Trainer


class Network(nn.Sequential):
    def __init__(self, inputs, outputs):
        layers = nn.Linear(inputs, 64), nn.LeakyReLU(0.2), nn.Linear(64, 64), nn.LeakyReLU(0.2)
        super().__init__(*layers, nn.Linear(64, outputs))

    def forward(self, x, labels=None):
        return super().forward(x).squeeze(1)


def train(steps=1500, batch=256):
    trainer = Trainer(generator=Network(8, 2), discriminator=Network(2, 1))
    for _ in range(steps):
        angle = torch.randint(8, (batch,)) * torch.pi / 4
        real = torch.stack([angle.cos(), angle.sin()], 1) + 0.05 * torch.randn(batch, 2)
        z = torch.randn(batch, 8), torch.randn(batch, 8)
        figures = trainer.step(real, z, settings=Settings(learning_rate=1e-3, gamma=0.05))
    print(figures)
    return trainer.generator


if __name__ == "__main__":
    points = train()(torch.randn(1000, 8))
    print("mean distance from the centre (1 is right):", points.norm(dim=1).mean().item())
