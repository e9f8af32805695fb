"""Judges of decoded pictures beside their absolute error: the storybook's encoder, and a critic."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPModel

from engine.collections import BUILT_IN
from tools.storybook.generator.networks import Part

LAYERS = (2, 4, 5)
"""Layers of the storybook's encoder that compare pictures."""
PERCEPTUAL_WEIGHT, CRITIC_WEIGHT = 0.05, 0.01


class Perceptual(nn.Module):
    """The difference of two pictures to the storybook's encoder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        clip: Part = CLIPModel.from_pretrained(folder, dtype=torch.float32)
        self.tower = clip.vision_model.eval().requires_grad_(False)

    def states(self, x: Tensor) -> list[Tensor]:
        """Normalised states of some layers; pixels from -1 to 1 are what the tower was taught."""
        found = self.tower(pixel_values=2 * x, output_hidden_states=True).hidden_states
        return [functional.layer_norm(found[k].float(), found[k].shape[-1:]) for k in LAYERS]

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        """Mean absolute difference of the states."""
        with torch.no_grad():
            aims = self.states(x)
        parts = [functional.l1_loss(a, b) for a, b in zip(self.states(y), aims, strict=True)]
        return torch.stack(parts).mean()


class Critic(nn.Module):
    """Tells patches of renderings from decoded ones."""

    def __init__(self) -> None:
        super().__init__()
        widths = ((3, 32, 2), (32, 64, 2), (64, 96, 1), (96, 1, 1))
        layers: list[nn.Module] = []
        for into, out, stride in widths:
            conv = nn.Conv2d(into, out, 4, stride, 1)
            layers += [nn.utils.spectral_norm(conv), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """A score for each patch; higher is more like a rendering."""
        found: Tensor = self.layers(x)
        return found


@dataclass(slots=True)
class Judges:
    """Who looks at whole pictures beside the absolute error."""

    perceptual: Perceptual
    critic: Critic
    optimizer: torch.optim.Optimizer

    def loss(self, y: Tensor, x: Tensor) -> Tensor:
        """What they hold against decoded pictures."""
        self.critic.requires_grad_(False)
        half = max(len(x) // 2, 1)
        felt: Tensor = self.perceptual(y[:half], x[:half])
        liked: Tensor = self.critic(y).float().mean()
        return PERCEPTUAL_WEIGHT * felt - CRITIC_WEIGHT * liked

    def learn(self, y: Tensor, x: Tensor) -> None:
        """One step of the critic."""
        self.critic.requires_grad_(True)
        true, false = self.critic(x).float(), self.critic(y.detach()).float()
        loss = functional.relu(1 - true).mean() + functional.relu(1 + false).mean()
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def make_judges(device: str) -> Judges:
    """The storybook's encoder and a new critic."""
    critic = Critic().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(critic.parameters(), lr=4e-4, betas=(0.5, 0.9))
    return Judges(
        perceptual=Perceptual(BUILT_IN.encoder).to(device), critic=critic, optimizer=optimizer
    )
