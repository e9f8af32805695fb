"""A call of a pipeline: what of a request it takes, by its own signature."""

import inspect
from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from PIL import Image

from engine.language import fold_widths
from engine.models.generator_info import NETWORKS
from engine.models.parameters import GenerationParameters, Texts
from engine.models.pipeline_classes import TRUE_GUIDANCE, guidance_argument

Pipeline: TypeAlias = Any
Network: TypeAlias = Any

_ALWAYS: dict[str, Any] = {
    # The size that was asked for, not the nearest of a list.
    "use_resolution_binning": False,
    # Prompts are taken as they are; cleaning needs packages that may not be there.
    "clean_caption": False,
}


_TOGETHER = "num_images_per_prompt"
_UNLIMITED = 1 << 30


def network_of(pipe: Pipeline) -> Network:
    """Return the network that denoises."""
    return next(getattr(pipe, name) for name in NETWORKS if getattr(pipe, name, None) is not None)


class Invocation:
    """What a pipeline can be asked in a call."""

    def __init__(self, pipe: Pipeline) -> None:
        found = inspect.signature(type(pipe).__call__).parameters
        self.takes = {*found}
        longest = found.get("max_sequence_length")
        self.most_tokens: int = _UNLIMITED if longest is None else longest.default
        """Of a text that it hands to its towers; each of them may take fewer."""
        is_embedded = bool(getattr(network_of(pipe).config, "guidance_embeds", False))
        self.guidance = guidance_argument([*self.takes], is_embedded=is_embedded)
        """The argument that is the guidance scale; empty where there is none."""
        self._is_embedded = is_embedded and TRUE_GUIDANCE in self.takes

    @property
    def batches(self) -> bool:
        """Several pictures of one text can be painted together."""
        return _TOGETHER in self.takes

    @property
    def takes_negative(self) -> bool:
        """What a picture should not show can be said."""
        return "negative_prompt" in self.takes and not self._is_embedded

    def fields(
        self,
        asked: GenerationParameters,
        generators: Sequence[torch.Generator],
        image: Image.Image | None = None,
        mask: Image.Image | None = None,
        texts: Sequence[Texts] = (),
    ) -> dict[str, Any]:
        """Return the arguments of a call, of those that the pipeline takes.

        Each of the `generators` makes the noise of a picture; `texts` are those of each, where they
        differ.
        `image` is what a variation starts from, `mask` is white where it may change.
        """
        wanted: dict[str, Any] = {
            "prompt": fold_widths(asked.prompt),
            "num_inference_steps": asked.steps,
            "width": asked.width,
            "height": asked.height,
            "generator": [*generators] if len(generators) > 1 else generators[0],
            "output_type": "pt",
            **_ALWAYS,
        }
        if self.guidance:
            wanted[self.guidance] = asked.guidance
        if self.takes_negative and asked.guidance > 1:
            if asked.negative:
                wanted["negative_prompt"] = fold_widths(asked.negative)
            elif self.guidance == TRUE_GUIDANCE:
                # Without a text there is no second pass to be guided by.
                wanted["negative_prompt"] = " "
        if texts:
            wanted["prompt"] = [fold_widths(prompt) for prompt, _ in texts]
            if (negative := wanted.get("negative_prompt")) is not None:
                wanted["negative_prompt"] = [fold_widths(own) or negative for _, own in texts]
        elif len(generators) > 1:
            wanted[_TOGETHER] = len(generators)
        if image is not None:
            wanted |= {"image": image, "strength": asked.strength}
        if mask is not None:
            wanted["mask_image"] = mask
        return {name: value for name, value in wanted.items() if name in self.takes}

    def warnings(self, asked: GenerationParameters) -> list[str]:
        """Say what of a request has no effect."""
        if not asked.negative:
            return []
        if not self.takes_negative:
            return ["this model takes no negative prompt: it is left out"]
        if asked.guidance <= 1:
            return ["without guidance the negative prompt has no effect"]
        return []
