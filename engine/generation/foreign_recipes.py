"""Recipes as ComfyUI, InvokeAI, SwarmUI, Fooocus and NovelAI write them: as JSON.

Each reader raises ValueError with the reason where it cannot tell how the picture was made. What
this program has no word for is named among the recipe's warnings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PureWindowsPath

from engine.generation.recipe import Recipe, UsedLora, clean
from engine.models.schedulers import scheduler_labelled
from engine.untrusted.documents import Json, parse_object

MAX_JSON = 4 << 20
"""Characters; graphs of hundreds of nodes have a few hundred thousand."""
_MOST_HOPS = 1000
"""Links that are followed; a graph may run in a circle."""

_FOOOCUS = frozenset({"metadata_scheme", "base_model", "prompt_expansion"})
"""A text with one of these is Fooocus's."""

Values = Mapping[str, Json]


def json_tool(text: str) -> str | None:
    """Who wrote a `parameters` text that is JSON, empty for others; None where it is none."""
    try:
        values = _object(text)
    except ValueError:
        return None
    if "sui_image_params" in values:
        return "SwarmUI"
    return "Fooocus" if values.keys() & _FOOOCUS else ""


def read_json_recipe(text: str) -> Recipe:
    """The recipe in a `parameters` text that is JSON."""
    values = _object(text)
    swarm = values.get("sui_image_params")
    if isinstance(swarm, dict):
        return _swarm(swarm)
    if values.keys() & _FOOOCUS:
        return _fooocus(values)
    raise ValueError("it is JSON of a form that is not known")


def read_invoke(text: str) -> Recipe:
    """The recipe in InvokeAI's `invokeai_metadata`."""
    values = _object(text)
    loras, lost = [], Lost()
    for entry in _entries(values.get("loras")):
        about = entry.get("lora") or entry.get("model")
        if name := _model_name(about):
            loras.append(UsedLora(name=name, weight=_weight(entry.get("weight"))))
    lost.note_clip_skip(values.get("clip_skip"), usual=0)
    lost.note(
        values, controlnets="ControlNet", ipAdapters="IP adapters", t2iAdapters="T2I adapters"
    )
    lost.note(values, vae="its VAE", refiner_model="the refiner", init_image="its start picture")
    lost.note(values, ref_images="reference pictures", hrf_enabled="its second, larger pass")
    return _recipe(
        lost,
        prompt=_text(values, "positive_prompt"),
        negative=_text(values, "negative_prompt"),
        seed=values.get("seed"),
        steps=values.get("steps"),
        guidance=values.get("cfg_scale"),
        size=(values.get("width"), values.get("height")),
        sampler=(_text(values, "scheduler"), ""),
        model=_model_name(values.get("model")),
        loras=tuple(loras),
    )


def read_older_invoke(text: str) -> Recipe:
    """The recipe in `sd-metadata`, which InvokeAI wrote up to its version 2."""
    values = _object(text)
    image = values.get("image")
    if not isinstance(image, dict):
        raise ValueError("it tells of no image")
    told = image.get("prompt")
    parts = [_text(each, "prompt") for each in _entries(told)]
    whole = told if isinstance(told, str) else ", ".join(part for part in parts if part)
    # What is not wanted stands in brackets there.
    negative = ", ".join(re.findall(r"\[([^\[\]]*)\]", whole))
    return _recipe(
        Lost(),
        prompt=re.sub(r"\s*\[[^\[\]]*\]", "", whole).strip(),
        negative=negative,
        seed=image.get("seed"),
        steps=image.get("steps"),
        guidance=image.get("cfg_scale"),
        size=(image.get("width"), image.get("height")),
        sampler=(_text(image, "sampler"), ""),
        model=_text(values, "model_weights"),
    )


_EMPHASIS = re.compile(r"[{}\[\]]|-?\d*\.?\d+::")
"""How NovelAI weighs parts of a prompt."""


def read_novelai(texts: Mapping[str, str]) -> Recipe:
    """The recipe in NovelAI's `Comment`; its first models have the prompt in `Description`."""
    values, lost = _object(texts.get("Comment", "")), Lost()
    prompt = _text(values, "prompt") or clean(texts.get("Description", "")).strip()
    negative = _text(values, "uc")
    if _EMPHASIS.search(f"{prompt}\n{negative}"):
        lost.add(_BRACKETS)
    if "img2img" in _text(values, "request_type").lower():
        lost.add("its start picture")
    lost.note(values, sm="SMEA", cfg_rescale="CFG rescale", dynamic_thresholding="Decrisper")
    caption = values.get("v4_prompt")
    caption = caption.get("caption") if isinstance(caption, dict) else None
    if isinstance(caption, dict):
        lost.note(caption, char_captions="the prompts of single characters")
    return _recipe(
        lost,
        prompt=prompt,
        negative=negative,
        seed=values.get("seed"),
        steps=values.get("steps"),
        guidance=values.get("scale"),
        size=(values.get("width"), values.get("height")),
        sampler=(_text(values, "sampler"), _text(values, "noise_schedule")),
        model=texts.get("Source", ""),
    )


def _swarm(values: Values) -> Recipe:
    lost = Lost()
    weights = _listed(values.get("loraweights"))
    loras = tuple(
        UsedLora(name=_stem(name), weight=_weight(weights[at] if at < len(weights) else None))
        for at, name in enumerate(_listed(values.get("loras")))
    )
    lost.note_clip_skip(values.get("clipstopatlayer"), usual=-1)
    lost.note(values, initimage="its start picture", refinermodel="the refiner", vae="its VAE")
    lost.note(values, refinerupscale="upscaling", controlnetmodel="ControlNet")
    lost.note(values, variationseed="the variation seed")
    return _recipe(
        lost,
        prompt=_text(values, "prompt"),
        negative=_text(values, "negativeprompt"),
        seed=values.get("seed"),
        steps=values.get("steps"),
        guidance=values.get("cfgscale"),
        size=(values.get("width"), values.get("height")),
        sampler=(_text(values, "sampler"), _text(values, "scheduler")),
        model=_text(values, "model"),
        loras=loras,
    )


def _fooocus(values: Values) -> Recipe:
    lost = Lost()
    loras = []
    found = values.get("loras")
    for entry in found if isinstance(found, list) else ():
        name = entry[0] if isinstance(entry, list) and len(entry) >= 2 else None
        if isinstance(entry, list) and isinstance(name, str) and name not in ("", "None"):
            loras.append(UsedLora(name=_stem(name), weight=_weight(entry[1])))
    size = re.fullmatch(r"\((\d{1,5}), ?(\d{1,5})\)", _text(values, "resolution"))
    styles = _text(values, "styles")
    if styles not in ("", "[]"):
        lost.add("the styles of Fooocus")
    lost.note_clip_skip(values.get("clip_skip"), usual=1)
    lost.note(values, refiner_model="the refiner", sharpness="", adm_guidance="")
    return _recipe(
        lost,
        prompt=_text(values, "prompt"),
        negative=_text(values, "negative_prompt"),
        seed=values.get("seed"),
        steps=values.get("steps"),
        guidance=values.get("guidance_scale"),
        size=(size[1], size[2]) if size else (values.get("width"), values.get("height")),
        sampler=(_text(values, "sampler"), _text(values, "scheduler")),
        model=_text(values, "base_model"),
        loras=tuple(loras),
    )


_TAG = re.compile(r"\s*<(lora|lyco|hypernet):([^:<>]{1,200})((?::[^:<>]{0,200}){0,9})>")
_BRACKETS = "weights in brackets, which are taken as words"
_DOUBLED = re.compile(r"\(\(|\[\[")
_PARTED = re.compile(r"(?<!\w)(?:BREAK|AND)(?!\w)|\[[^\[\]]*[|:][^\[\]]*\]")
_OTHER_TAG = re.compile(r"<([a-z]\w{0,30})[:\[][^<>]{0,2000}>")
_WEIGHTED = re.compile(r"\(((?:[^()\\:]|\\.)+):\s*[-+]?(?:\d+(?:\.\d*)?|\.\d+)\)")


def without_tags(prompt: str, lost: Lost) -> tuple[str, tuple[UsedLora, ...]]:
    """A prompt without A1111's `<lora:name:weight>`, which other tools read too, and the LoRAs.

    What follows the first number (a weight of the text tower's own, weights by block) is lost.
    """
    loras: dict[str, UsedLora] = {}

    def read(match: re.Match[str]) -> str:
        kind, name, rest = match[1], match[2].strip(), match[3].split(":")[1:]
        if kind == "hypernet":
            lost.add(f"the hypernetwork {name}")
            return ""
        named = dict(each.split("=", 1) for each in rest if "=" in each)
        plain = [each for each in rest if "=" not in each]
        weight = _weight(named.pop("unet", plain[0] if plain else None))
        if named or len(plain) > 1:
            lost.add(f"what else the tag of the LoRA {name} says")
        loras.setdefault(name, UsedLora(name=name, weight=weight))
        return ""

    return _TAG.sub(read, prompt).strip(), tuple(loras.values())


def note_syntax(text: str, lost: Lost) -> None:
    """Name what A1111, and those after it, understand in a prompt, and is taken as words here."""
    if _WEIGHTED.search(text) or _DOUBLED.search(text):
        lost.add(_BRACKETS)
    if _PARTED.search(text):
        lost.add("BREAK, AND and changes in brackets, which are taken as words")
    for name in dict.fromkeys(_OTHER_TAG.findall(text)):
        lost.add(f"what <{name}:> asks for")


class Lost:
    """What a recipe holds and a request has no word for."""

    def __init__(self) -> None:
        self._words: list[str] = []

    def add(self, words: str) -> None:
        if words and words not in self._words:
            self._words.append(words)

    def note(self, values: Values, **words: str) -> None:
        """Name what is set of these keys."""
        for key, what in words.items():
            if values.get(key) not in (None, "", [], {}, False, "None", "none", "Automatic", 0):
                self.add(what)

    def note_clip_skip(self, value: Json, *, usual: int) -> None:
        skipped = _number(value)
        if skipped is not None and skipped != usual:
            self.add(f"clip skip {skipped:g}")

    def warnings(self) -> tuple[str, ...]:
        return (f"left out: {', '.join(self._words)}",) if self._words else ()


def read_comfy(text: str) -> Recipe:
    """The recipe in ComfyUI's `prompt`: the graph that was run, node by node."""
    graph = _Graph(_object(text))
    samplers = list(graph.samplers())
    if not samplers:
        raise ValueError("no node of its graph is a sampler that is known")
    first = next((each for each in samplers if graph.begins_at_noise(each)), samplers[0])
    values, lost = graph.gathered(first), Lost()
    if len(samplers) > 1:
        lost.add(f"all but the first of {len(samplers)} passes")
    prompt = graph.texts(values, "positive")
    if not prompt:
        raise ValueError("its prompt cannot be followed through its graph")
    model, loras = graph.models(values)
    width, height, is_variation = graph.canvas(first)
    if is_variation:
        lost.add("its start picture")
    for name in graph.additions():
        lost.add(name)
    return _recipe(
        lost,
        prompt=prompt,
        negative=graph.texts(values, "negative"),
        seed=graph.scalar(values.get("seed", values.get("noise_seed"))),
        steps=graph.scalar(values.get("steps")),
        guidance=graph.scalar(values.get("cfg")),
        size=(width, height),
        sampler=(
            str(graph.scalar(values.get("sampler_name")) or ""),
            str(graph.scalar(values.get("scheduler")) or ""),
        ),
        model=model,
        loras=loras,
    )


_ADDITIONS = re.compile(r"ControlNet|IPAdapter|Upscale|Detailer|Inpaint|FreeU|Style", re.IGNORECASE)
_PARTS = ("noise", "sigmas", "sampler", "guider")
"""Links by which SamplerCustom and its like get what a KSampler says itself."""
_SCALARS = ("value", "text", "string", "seed", "noise_seed", "int", "float", "number")
_TEXTS = ("text", "text_g", "text_l", "clip_l", "t5xxl", "prompt")
_LATENTS = ("latent_image", "latent", "samples", "pixels", "image", "images")


class _Graph:
    """Nodes by id, each with its class and its inputs; an input is a value or a link [id, slot]."""

    def __init__(self, found: Values) -> None:
        self._inputs: dict[str, Values] = {}
        self._classes: dict[str, str] = {}
        for name, node in found.items():
            if isinstance(node, dict) and isinstance(inputs := node.get("inputs"), dict):
                self._inputs[name] = inputs
                self._classes[name] = str(node.get("class_type", ""))

    def samplers(self) -> Iterator[str]:
        """The nodes that denoise."""
        for name, inputs in self._inputs.items():
            keys = inputs.keys()
            is_whole = {"positive", "steps"} <= keys and keys & {"seed", "noise_seed"}
            if is_whole or (keys & {"sigmas"} and keys & {"positive", "guider"}):
                yield name

    def gathered(self, sampler: str) -> Values:
        """The inputs of a sampler, with those of the nodes that it is put together of."""
        own = self._inputs[sampler]
        values: dict[str, Json] = {}
        for part in _PARTS:
            values |= self._inputs.get(self._target(own.get(part)) or "", {})
        return {**values, **own}

    def begins_at_noise(self, sampler: str) -> bool:
        """Whether a sampler starts with an empty latent, not with what another one made."""
        others = set(self.samplers()) - {sampler}
        return others.isdisjoint(self._latents(sampler))

    def canvas(self, sampler: str) -> tuple[Json, Json, bool]:
        """Width, height, and whether a picture was loaded to begin with."""
        for name in self._latents(sampler):
            inputs = self._inputs[name]
            if {"width", "height"} <= inputs.keys():
                return self.scalar(inputs["width"]), self.scalar(inputs["height"]), False
            if "LoadImage" in self._classes[name]:
                return None, None, True
        return None, None, False

    def _latents(self, sampler: str) -> Iterator[str]:
        """The sampler, and the nodes before it that its latent comes through."""
        name: str | None = sampler
        for _ in range(_MOST_HOPS):
            if name is None or name not in self._inputs:
                return
            yield name
            inputs = self._inputs[name]
            links = (self._target(inputs.get(key)) for key in _LATENTS)
            name = next((each for each in links if each is not None), None)

    def scalar(self, value: Json) -> Json:
        """A number or text, also from a node that holds it alone."""
        for _ in range(_MOST_HOPS):
            target = self._target(value)
            if target is None:
                return value if isinstance(value, int | float | str) else None
            inputs = self._inputs.get(target, {})
            value = next((inputs[key] for key in _SCALARS if key in inputs), None)
        return None

    def texts(self, values: Values, side: str) -> str:
        """The texts that a sampler's positive or negative input comes from, without repeats."""
        start = values.get(side)
        if start is None and side == "positive":
            start = values.get("conditioning")
        found: dict[str, None] = {}
        seen: set[str] = set()
        waiting = [start]
        while waiting and len(seen) < _MOST_HOPS:
            link = waiting.pop(0)
            if isinstance(link, str) and (text := clean(link).strip()):
                found[text] = None
                continue
            target = self._target(link)
            if target is None or target in seen or target not in self._inputs:
                continue
            seen.add(target)
            inputs = self._inputs[target]
            told = [self.scalar(inputs[key]) for key in _TEXTS if key in inputs]
            texts = [clean(each).strip() for each in told if isinstance(each, str)]
            if told:
                found |= dict.fromkeys(text for text in texts if text)
                continue
            if {"positive", "negative"} <= inputs.keys():
                slot = link[1] if isinstance(link, list) else 0
                second = "negative" if slot == 1 else "positive"
                # A loader that holds the prompts itself has other outputs before theirs.
                waiting.append(inputs[side if isinstance(inputs.get(side), str) else second])
            else:
                waiting += [each for key, each in inputs.items() if key.startswith("cond")]
        return ", ".join(found)

    def models(self, values: Values) -> tuple[str, tuple[UsedLora, ...]]:
        """The checkpoint behind a sampler's model, and the LoRAs on the way."""
        loras: list[UsedLora] = []
        name = self._target(values.get("model"))
        for _ in range(_MOST_HOPS):
            inputs = self._inputs.get(name or "", {})
            loras += self._loras_of(inputs)
            for key in ("ckpt_name", "unet_name"):
                if isinstance(model := self.scalar(inputs.get(key)), str):
                    return _stem(model), tuple(loras)
            name = self._target(inputs.get("model"))
            if name is None:
                break
        return "", tuple(loras)

    def _loras_of(self, inputs: Values) -> Iterator[UsedLora]:
        name = self.scalar(inputs.get("lora_name"))
        if isinstance(name, str) and name not in ("", "None"):
            weight = _weight(self.scalar(inputs.get("strength_model")))
            yield UsedLora(name=_stem(name), weight=weight)
        for value in inputs.values():
            if isinstance(value, dict) and isinstance(value.get("lora"), str) and value.get("on"):
                weight = _weight(value.get("strength"))
                yield UsedLora(name=_stem(str(value["lora"])), weight=weight)

    def additions(self) -> Iterator[str]:
        """The classes of nodes that change a picture in ways that are not repeated here."""
        for name in dict.fromkeys(self._classes.values()):
            if _ADDITIONS.search(name):
                yield clean(name)[:60]

    def _target(self, value: Json) -> str | None:
        """The id of the node that a link leads to; None for a value."""
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
            return str(value[0])
        return None


JSON_READERS: Mapping[str, tuple[str, Callable[[str], Recipe]]] = {
    "invokeai_metadata": ("InvokeAI", read_invoke),
    "sd-metadata": ("InvokeAI", read_older_invoke),
    "prompt": ("ComfyUI", read_comfy),
}
"""By the name of the text in a picture: who writes it, and what reads it."""
NOT_READ: Mapping[str, str] = {
    "workflow": "ComfyUI",
    "invokeai_graph": "InvokeAI",
    "invokeai_workflow": "InvokeAI",
    "Dream": "InvokeAI",
    "fooocus_scheme": "Fooocus",
}
"""Texts that say that there is a recipe, where no other is found."""


def _recipe(
    lost: Lost,
    *,
    prompt: str,
    negative: str,
    seed: Json,
    steps: Json,
    guidance: Json,
    size: tuple[Json, Json],
    sampler: tuple[str, str],
    model: str,
    loras: tuple[UsedLora, ...] = (),
) -> Recipe:
    if not prompt:
        raise ValueError("it names no prompt")
    scheduler, unknown = named_scheduler(*sampler)
    width, height = map(_whole, size)
    prompt, tagged = without_tags(prompt, lost)
    note_syntax(f"{prompt}\n{negative}", lost)
    return Recipe(
        prompt=prompt,
        negative=negative,
        seed=_whole(seed),
        steps=_whole(steps),
        guidance=_number(guidance),
        width=width,
        height=height,
        scheduler=scheduler,
        model=clean(_stem(model)),
        loras=(*loras, *(each for each in tagged if each.name not in {at.name for at in loras})),
        warnings=(*unknown, *lost.warnings()),
    )


def named_scheduler(sampler: str, kind: str) -> tuple[str | None, tuple[str, ...]]:
    """Our name for a sampler with its kind of schedule, and a warning where there is none."""
    for name in (f"{sampler} {kind}", sampler, sampler.removesuffix("_gpu")):
        known = scheduler_labelled(name)
        if known is not None:
            return known.name, ()
    return None, ((f"the sampler {clean(sampler)} is not known here",) if sampler else ())


def _object(text: str) -> dict[str, Json]:
    if len(text) > MAX_JSON:
        raise ValueError(f"it has {len(text):,} characters")
    # ComfyUI writes NaN for an input that always counts as changed.
    return parse_object(text, nan_is_null=True)


def _entries(value: Json) -> Iterator[dict[str, Json]]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, dict):
            yield each


def _listed(value: Json) -> list[str]:
    """The texts of a list, or of one written with commas."""
    if isinstance(value, str):
        return [each.strip() for each in value.split(",") if each.strip()]
    held = value if isinstance(value, list) else []
    return [str(each) for each in held if isinstance(each, str | int | float)]


def _text(values: Values, name: str) -> str:
    value = values.get(name)
    return clean(value).strip() if isinstance(value, str) else ""


def _model_name(value: Json) -> str:
    """A model's name, of whichever version of InvokeAI."""
    if isinstance(value, dict):
        for key in ("name", "model_name"):
            if name := _text(value, key):
                return name
        return ""
    return clean(value) if isinstance(value, str) else ""


def _stem(name: str) -> str:
    """A model's name without folders, of either kind, and without the ending of its file."""
    last = PureWindowsPath(clean(name)).name
    return re.sub(r"\.(safetensors|sft|ckpt|pt|pth|bin|gguf)$", "", last, flags=re.IGNORECASE)


def _whole(value: Json) -> int | None:
    if isinstance(value, str) and re.fullmatch(r"\d{1,20}", value):
        return int(value)
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        return int(value)
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return int(value) if is_whole and 0 <= value < 2**64 else None  # type: ignore[operator, arg-type]


def _number(value: Json) -> float | None:
    if isinstance(value, str) and re.fullmatch(r"[-+]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})", value):
        return float(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e9 else None  # type: ignore[arg-type]


def _weight(value: Json) -> float:
    """Of a LoRA; the whole of it where nothing is said."""
    number = _number(value)
    return 1.0 if number is None else number
