"""The `parameters` text that painting tools write into their pictures, as A1111's web UI has it.

the prompt, over any number of lines <lora:name:0.8>
Negative prompt: what it should not show
Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7.5, Seed: 7, Size: 512x512, Model: a-name
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from engine.generation.recipe import Recipe, UsedLora, clean
from engine.generation.request import DDIM, DPM, EULER_A, LCM

MAX_LENGTH = 64_000
"""Characters; what is longer is no prompt."""

SAMPLERS = {DDIM: "DDIM", DPM: "DPM++ 2M Karras", EULER_A: "Euler a", LCM: "LCM"}
_SCHEDULERS = {
    **{name.lower(): ours for ours, name in SAMPLERS.items()},
    # Karras' sigmas were a field of their own for a while.
    "dpm++ 2m": DPM,
}
_NEGATIVE = "Negative prompt:"
_PAIR = re.compile(r'\s*(\w[\w \-/]{0,40}):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_LORA = re.compile(r"<lora:([^:<>]{1,200}):([-+]?[0-9.]{1,12})>")
_FEWEST = 3
"""A last line with fewer pairs belongs to the prompt."""


def format_parameters(recipe: Recipe) -> str:
    """Write a recipe as other tools read it; what they have no word for is left out."""
    prompt = recipe.prompt + "".join(
        f" <lora:{lora.name}:{lora.weight:g}>" for lora in recipe.loras
    )
    size = f"{recipe.width}x{recipe.height}" if recipe.width and recipe.height else None
    pairs = {
        "Steps": recipe.steps,
        "Sampler": SAMPLERS.get(recipe.scheduler or "", recipe.scheduler),
        "CFG scale": None if recipe.guidance is None else f"{recipe.guidance:g}",
        "Seed": recipe.seed,
        "Size": size,
        "Model": recipe.model or None,
        "Denoising strength": None if recipe.strength is None else f"{recipe.strength:g}",
        "Version": "t2itui",
    }
    last = ", ".join(f"{name}: {_quoted(v)}" for name, v in pairs.items() if v is not None)
    negative = [f"{_NEGATIVE} {recipe.negative}"] if recipe.negative else []
    return "\n".join([prompt, *negative, last])


def parse_parameters(text: str) -> Recipe:
    """Understand a `parameters` text, whoever wrote it; raise ValueError where it is none."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"it has {len(text):,} characters")
    *lines, last = clean(text).strip().split("\n")
    pairs = {match[1]: _unquoted(match[2]) for match in _PAIR.finditer(last)}
    if len(pairs) < _FEWEST:
        lines, pairs = [*lines, last], {}
    start = next((i for i, line in enumerate(lines) if line.startswith(_NEGATIVE)), len(lines))
    prompt = "\n".join(lines[:start]).strip()
    negative = "\n".join(lines[start:]).removeprefix(_NEGATIVE).strip()
    if not prompt and not pairs:
        raise ValueError("it is empty")
    return _recipe(prompt, negative, pairs)


def _recipe(prompt: str, negative: str, pairs: Mapping[str, str]) -> Recipe:
    loras = tuple(
        UsedLora(name=name, weight=_number(weight) or 0.0) for name, weight in _LORA.findall(prompt)
    )
    scheduler, remarks = _scheduler(pairs)
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", pairs.get("Size", ""))
    return Recipe(
        prompt=re.sub(r"\s*" + _LORA.pattern, "", prompt).strip(),
        negative=negative,
        seed=_whole(pairs.get("Seed")),
        steps=_whole(pairs.get("Steps")),
        guidance=_number(pairs.get("CFG scale")),
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        scheduler=scheduler,
        model=pairs.get("Model", ""),
        loras=loras,
        strength=_number(pairs.get("Denoising strength")),
        remarks=remarks,
    )


def _scheduler(pairs: Mapping[str, str]) -> tuple[str | None, tuple[str, ...]]:
    """Our name for a sampler, and a remark where there is none."""
    sampler = pairs.get("Sampler", "")
    kind = pairs.get("Schedule type", "")
    for name in (f"{sampler} {kind}", sampler):
        if name.strip().lower() in _SCHEDULERS:
            return _SCHEDULERS[name.strip().lower()], ()
    return None, ((f"the sampler {sampler} is not known here",) if sampler else ())


def _quoted(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n"]', text) else text


def _unquoted(text: str) -> str:
    if text[:1] == '"' and len(text) > 1:
        try:
            return str(json.loads(text))
        except ValueError:
            return text
    return text.strip()


def _whole(text: str | None) -> int | None:
    return int(text) if text and re.fullmatch(r"\d{1,19}", text) else None


def _number(text: str | None) -> float | None:
    return (
        float(text)
        if text and re.fullmatch(r"[-+]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})", text)
        else None
    )
