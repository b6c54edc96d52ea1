"""The whole method in one file: a GAN with attention in both networks, and R1 + R2 through the attention.

    python examples/r1_attention.py        # a minute or two on a CPU; writes r1_attention.png

Pictures are 16² discs of one colour. The generator and the discriminator each have one layer of self-attention at 8²
(Zhang et al. 2019, SAGAN); the loss is relativistic (Jolicoeur-Martineau 2018, eq. 3); the penalty is the exact
gradient penalty on real pictures and on fakes (Mescheder et al. 2018, eq. 9 and 10), as in R3GAN (Huang et al. 2024).
Its gradient needs the second derivative of attention, which `attngan_kernels.attention` has.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from attngan_kernels import attention

STEPS, BATCH, Z, WIDTH, GAMMA = 600, 32, 16, 32, 0.5


class SelfAttention(nn.Module):
    """x + what every place takes from all places; starts at zero."""

    def __init__(self, width: int, heads: int = 2) -> None:
        super().__init__()
        self.heads, self.project, self.out = heads, nn.Conv2d(width, 3 * width, 1), nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(x).flatten(2).unflatten(1, (3, self.heads, -1)).transpose(-1, -2).unbind(1)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)  # dot products of free lengths grow under penalties
        found = attention(q, k, v, scale=4.0)
        return x + self.out(found.transpose(-1, -2).flatten(1, 2).unflatten(2, x.shape[2:]))


def block(width_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(width_in, width, 3, padding=1), nn.LeakyReLU(0.2))


class Generator(nn.Module):
    """z [B, 16] → pictures [B, 3, 16, 16]."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Linear(Z, WIDTH * 16)
        self.low, self.attention, self.high = block(WIDTH, WIDTH), SelfAttention(WIDTH), block(WIDTH, WIDTH)
        self.to_picture = nn.Conv2d(WIDTH, 3, 3, padding=1)

    def forward(self, z: Tensor) -> Tensor:
        x = F.leaky_relu(self.enter(z), 0.2).unflatten(1, (WIDTH, 4, 4))
        x = self.attention(self.low(F.interpolate(x, scale_factor=2)))
        return self.to_picture(self.high(F.interpolate(x, scale_factor=2)))


class Discriminator(nn.Module):
    """Pictures [B, 3, 16, 16] → logits [B], larger = more real."""

    def __init__(self) -> None:
        super().__init__()
        self.high, self.attention, self.low = block(3, WIDTH), SelfAttention(WIDTH), block(WIDTH, WIDTH)
        self.judge = nn.Linear(WIDTH * 16, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        x = self.attention(F.avg_pool2d(self.high(pictures), 2))
        return self.judge(F.avg_pool2d(self.low(x), 2).flatten(1)).squeeze(1)


def discs(count: int) -> Tensor:
    """Real pictures float [B, 3, 16, 16] in [−1, 1]: a disc of one colour on black."""
    places = torch.arange(16.0)
    x, y = 5 + 6 * torch.rand(2, count, 1, 1)
    distance = ((places[None, None, :] - x) ** 2 + (places[None, :, None] - y) ** 2).sqrt()
    inside = (4.5 - distance).clamp(0, 1)[:, None]
    return 2 * inside * (0.3 + 0.7 * torch.rand(count, 3, 1, 1)) - 1


def penalty(logits: Tensor, pictures: Tensor) -> Tensor:
    """E|∇D|², exact and differentiable in D's parameters: create_graph keeps what the second derivative needs."""
    (gradient,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean()


def main() -> None:
    torch.manual_seed(0)
    generator, discriminator = Generator(), Discriminator()
    optimizers = [torch.optim.Adam(n.parameters(), 1e-3, betas=(0.0, 0.99)) for n in (generator, discriminator)]
    for step in range(1, STEPS + 1):
        real, fake = discs(BATCH), generator(torch.randn(BATCH, Z))
        seen = torch.cat([real, fake.detach()]).requires_grad_()
        logits = discriminator(seen)
        real_logits, fake_logits = logits.chunk(2)
        slope = penalty(logits, seen)
        loss = F.softplus(fake_logits - real_logits).mean() + GAMMA * slope
        optimizers[1].zero_grad()
        loss.backward()
        optimizers[1].step()

        loss_g = F.softplus(discriminator(real).detach() - discriminator(fake)).mean()
        optimizers[0].zero_grad()
        loss_g.backward()
        optimizers[0].step()
        if step % 100 == 0:
            print(f"step {step}: D {loss.item():.3f}, G {loss_g.item():.3f}, |∇D|² {slope.item():.3f}")
    with torch.no_grad():
        drawn = generator(torch.randn(64, Z)).clamp(-1, 1)
    rows = torch.cat([torch.cat(list(row), 2) for row in drawn.unflatten(0, (8, 8))], 1)
    pixels = ((rows.permute(1, 2, 0) + 1) * 127.5).byte().numpy()
    Image.fromarray(pixels).resize((512, 512), Image.Resampling.NEAREST).save("r1_attention.png")
    print("wrote r1_attention.png")


if __name__ == "__main__":
    main()
