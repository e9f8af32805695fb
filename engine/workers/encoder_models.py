"""Work in batches that shrink when the memory does not hold them."""

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from tokenizers import Regex, normalizers
from transformers.utils import logging

from engine.errors import EngineError, ModelUnusableError, OutOfMemoryError
from engine.models.families import Family, family_of, width_of
from engine.models.input_spec import InputSpec, read_input_spec
from engine.models.local_head import LocalHead, read_local_head
from engine.models.paths import INT8_SUFFIX, read_json
from engine.models.quantized import MIN_INT8_AGREEMENT
from engine.results import FloatArray
from engine.states import Device, NumberFormat
from engine.uncollected import uncollected
from engine.workers.device import DTYPES, Choice, free_cache, is_out_of_memory
from engine.workers.local_states import (
    Model,
    local_widths,
    patch_grid,
    patch_states,
    token_states,
)

Items = TypeVar("Items", bound=Sequence[object] | np.ndarray)


class ShrinkingBatches:
    """Runs a tower over any number of items, `size` at a time.

    When a batch does not fit in memory the size is halved, for good, down to one item.
    """

    def __init__(self, size: int, device: str) -> None:
        self.size = size
        self._device = device

    def run(
        self,
        items: Items,
        embed: Callable[[Items], FloatArray],
        check: Callable[[], None],
        *shape: int,
    ) -> FloatArray:
        """Return float32 [len(items), *shape]; `check` is called before each batch and may raise.

        Raises OutOfMemoryError where not even one item fits.
        """
        rows = np.empty((len(items), *shape), np.float32)
        start = 0
        while start < len(items):
            check()
            batch: Items = items[start : start + self.size]  # type: ignore[assignment]
            try:
                rows[start : start + len(batch)] = embed(batch)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(len(batch), error)
                continue
            start += len(batch)
        return rows

    def _shrink(self, size: int, error: Exception) -> None:
        free_cache(self._device)
        if size == 1:
            raise OutOfMemoryError(
                f"not even one item fits in the memory of {self._device}: {error}",
                hint="Close other programs that use it, or set the device to cpu.",
            ) from error
        self.size = size // 2


Tokenizer: TypeAlias = Any
"""A fast tokenizer of transformers."""

_PUNCTUATION = r"[!-/:-@\[-`{-~]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenized:
    """Texts as a tower takes them."""

    ids: list[list[int]]
    """Cut to the tower's length, not padded."""
    counts: list[int]
    """Tokens of each whole text, with the marks at its ends."""
    lost: list[str]
    """The words of each text that were cut off; empty where none were."""
    spans: list[list[tuple[int, int]]]
    """Start and end, in its text, of each of the ids; both equal for marks, which are of no part
    of it."""


class TextInput:
    """The tokenizer of one model.

    Texts are encoded whole and cut here, keeping the mark at the end: the result equals
    `truncation=True` of transformers, and the place of the cut is known.
    """

    def __init__(self, folder: Path, family: Family, limit: int) -> None:
        self._tokenizer = _load(folder, family)
        self._pads_to_limit = family.pads_texts
        self.limit = min(limit, int(self._tokenizer.model_max_length))
        """Tokens that the tower reads, with the marks at both ends."""

    def tokenize(self, texts: Sequence[str]) -> Tokenized:
        """Encode `texts`."""
        texts = [text.encode(errors="replace").decode() for text in texts]
        encoded: Any = self._tokenizer(
            texts,
            return_offsets_mapping=True,
            return_special_tokens_mask=True,
            truncation=False,
            verbose=False,
        )
        ids, lost, spans = [], [], []
        for text, whole, offsets, marks in zip(
            texts,
            *(encoded[name] for name in ("input_ids", "offset_mapping", "special_tokens_mask")),
            strict=True,
        ):
            is_cut = len(whole) > self.limit
            ids.append([*whole[: self.limit - 1], whole[-1]] if is_cut else whole)
            lost.append(_words_from(text, offsets[self.limit - 1][0]) if is_cut else "")
            found = [
                (0, 0) if is_mark else _trimmed(text, *offset)
                for offset, is_mark in zip(offsets, marks, strict=True)
            ]
            spans.append([*found[: self.limit - 1], (0, 0)] if is_cut else found)
        counts = [len(whole) for whole in encoded["input_ids"]]
        return Tokenized(ids=ids, counts=counts, lost=lost, spans=spans)

    def pad(self, ids: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        """Return the keyword arguments of the tower, int64 [n, length]."""
        length = self.limit if self._pads_to_limit else max(map(len, ids))
        padding = self._tokenizer.pad_token_id or 0
        padded = [row + [padding] * (length - len(row)) for row in ids]
        inputs = {"input_ids": torch.tensor(padded)}
        if not self._pads_to_limit:
            mask = [[1] * len(row) + [0] * (length - len(row)) for row in ids]
            inputs["attention_mask"] = torch.tensor(mask)
        return inputs


def _words_from(text: str, start: int) -> str:
    """Return `text` from the word that the character at `start` belongs to."""
    while 0 < start < len(text) and _joins(text[start - 1]) and _joins(text[start]):
        start -= 1
    return text[start:].strip()


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the white space at its ends, which some tokenizers count in."""
    inner = text[start:end]
    start += len(inner) - len(inner.lstrip())
    return start, max(start, start + len(inner.strip()))


def _joins(character: str) -> bool:
    """Tell whether a character is part of a longer word; Chinese characters stand alone."""
    return character.isalnum() and not "\u2e80" <= character <= "\u9fff"


def _load(folder: Path, family: Family) -> Tokenizer:
    try:
        tokenizer = _class(family.tokenizer).from_pretrained(folder, local_files_only=True)
        _normalize(tokenizer, family)
        return tokenizer
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ModelUnusableError(
            f"the tokenizer in {folder} cannot be used: {error}", hint="Fetch the model again."
        ) from error


def _normalize(tokenizer: Tokenizer, family: Family) -> None:
    """Do to texts, before the tokenizer's own steps, what was done to those of the training."""
    steps: list[normalizers.Normalizer] = []
    if family.lowers_case:
        steps.append(normalizers.Lowercase())
    if family.drops_punctuation:
        steps += [
            normalizers.Replace(Regex(_PUNCTUATION), ""),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Strip(),
        ]
    if not steps:
        return
    backend = tokenizer.backend_tokenizer
    if backend.normalizer is not None:
        steps.append(backend.normalizer)
    backend.normalizer = normalizers.Sequence(steps)


def _class(name: str) -> Any:  # noqa: ANN401 - whatever class a family names
    """Return the class that `module:class` names; only what the model at hand needs is loaded."""
    module, _, attribute = name.partition(":")
    with uncollected():
        return getattr(import_module(module), attribute)


MIN_AGREEMENT = 0.999
"""Cosine between the vectors in a short number format and in fp32, below which fp32 is used."""

_HINT = "Fetch the model again."
_PICTURES = {Device.CUDA: 128, Device.MPS: 32, Device.CPU: 8}
_TEXTS = {Device.CUDA: 512, Device.MPS: 64, Device.CPU: 32}
_PROBE_TEXTS = (
    "a dog",
    "two people ride a red bicycle along the beach at sunset",
    "雪地里的一匹马",
    "42",
)


class EncoderModel:
    """A loaded encoder; vectors come out at unit length."""

    def __init__(
        self,
        model: Model,
        family: Family,
        text_input: TextInput,
        spec: InputSpec,
        choice: Choice,
        dim: int,
        head: LocalHead | None = None,
    ) -> None:
        self._model = model
        self._family = family
        self._head = head
        self._text_input = text_input
        self._spec = spec
        self._pictures = ShrinkingBatches(_PICTURES[Device(choice.device)], choice.device)
        self._texts = ShrinkingBatches(_TEXTS[Device(choice.device)], choice.device)
        self.choice = choice
        self.agreement: float | None = None
        """Smallest cosine to fp32 over probe pictures and texts; None where fp32 is in use."""
        self.warnings: list[str] = []
        self.dim = dim
        """Numbers in a vector."""
        self.grid = patch_grid(model)
        """Rows and columns of the patches of a picture."""

    def tokenize(self, texts: Sequence[str]) -> Tokenized:
        """Cut texts to the length of the text tower."""
        return self._text_input.tokenize(texts)

    def embed_texts(self, ids: list[list[int]], check: Callable[[], None]) -> FloatArray:
        """Return float32 [n, dim] for tokenized texts; `check` is called between batches."""
        # Texts of one length share a batch: padding to the longest of it would cost half the time.
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        rows = self._texts.run([ids[row] for row in order], self._embed_ids, check, self.dim)
        vectors = np.empty_like(rows)
        vectors[order] = rows
        return vectors

    def embed_pixels(self, pixels: NDArray[np.uint8], check: Callable[[], None]) -> FloatArray:
        """Return float32 [n, dim] for prepared pictures, uint8 [n, height, width, 3]."""
        self._check(pixels)
        return self._pictures.run(pixels, self._embed_pictures, check, self.dim)

    def patch_states(self, pixels: NDArray[np.uint8], check: Callable[[], None]) -> FloatArray:
        """Return unit states, float32 [n, patches, dim], for prepared pictures as above."""
        self._check(pixels)
        patches = self.grid[0] * self.grid[1]
        return self._pictures.run(pixels, self._picture_states, check, patches, self.dim)

    def token_states(self, tokenized: Tokenized, check: Callable[[], None]) -> list[FloatArray]:
        """Return unit states, float32 [tokens, dim], of each text; those of marks are left out."""
        ids = tokenized.ids
        longest = max(map(len, ids), default=0)
        rows = self._texts.run(ids, lambda some: self._id_states(some, longest), check,
                               longest, self.dim)  # fmt: skip
        inside = [[start < end for start, end in spans] for spans in tokenized.spans]
        return [row[: len(part)][part] for row, part in zip(rows, inside, strict=True)]

    def _check(self, pixels: NDArray[np.uint8]) -> None:
        expected = (self._spec.height, self._spec.width, 3)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != expected:
            raise EngineError(f"pictures of shape {pixels.shape[1:]} came in place of {expected}")

    def shorten(self, dtype: str) -> None:
        """Change to a short number format if it gives the same vectors, and note it if not."""
        whole, expected = self._model, self._probe()
        self._model = copy.deepcopy(whole).to(DTYPES[dtype])
        self.agreement = float((self._probe() * expected).sum(1).min())
        if self.agreement >= MIN_AGREEMENT:
            return
        self._model = whole
        self.choice = replace(self.choice, dtype=NumberFormat.FP32)
        self.warnings.append(
            f"{dtype} agrees with fp32 only to {self.agreement:.4f} here, so fp32 is used"
        )

    def quantize(self) -> None:
        """Change the linear layers to int8, and note how far the vectors agree with fp32."""
        expected = self._probe()
        self._model = _in_int8(self._model)
        self.choice = replace(self.choice, dtype=NumberFormat.INT8)
        self.agreement = float((self._probe() * expected).sum(1).min())

    def embed_probe(self) -> None:
        """Embed the probe's pictures, to see how long it takes."""
        self._embed_pictures(_probe_pictures(self._spec.height, self._spec.width))

    def _probe(self) -> FloatArray:
        pixels = _probe_pictures(self._spec.height, self._spec.width)
        ids = self.tokenize(_PROBE_TEXTS).ids
        return np.concatenate([self._embed_pictures(pixels), self._embed_ids(ids)])

    @torch.inference_mode()
    def _embed_ids(self, ids: list[list[int]]) -> FloatArray:
        return _unit(self._model.get_text_features(**self._padded(ids)).pooler_output)

    @torch.inference_mode()
    def _id_states(self, ids: list[list[int]], longest: int) -> FloatArray:
        """States [n, longest, dim]; 0 beyond the longest of these texts."""
        found = _unit(token_states(self._model, self._family, self._head, self._padded(ids)))
        states = np.zeros((len(ids), longest, self.dim), np.float32)
        length = min(found.shape[1], longest)
        states[:, :length] = found[:, :length]
        return states

    @torch.inference_mode()
    def _embed_pictures(self, pixels: NDArray[np.uint8]) -> FloatArray:
        return _unit(self._model.get_image_features(self._normalised(pixels)).pooler_output)

    @torch.inference_mode()
    def _picture_states(self, pixels: NDArray[np.uint8]) -> FloatArray:
        values = self._normalised(pixels)
        return _unit(patch_states(self._model, self._family, self._head, values))

    def _padded(self, ids: list[list[int]]) -> dict[str, torch.Tensor]:
        return {k: v.to(self.choice.device) for k, v in self._text_input.pad(ids).items()}

    def _normalised(self, pixels: NDArray[np.uint8]) -> torch.Tensor:
        values = torch.from_numpy(pixels).to(self.choice.device).permute(0, 3, 1, 2).float()
        mean = torch.tensor(self._spec.mean, device=values.device).view(1, 3, 1, 1)
        std = torch.tensor(self._spec.std, device=values.device).view(1, 3, 1, 1)
        normalised: torch.Tensor = ((values * self._spec.scale - mean) / std).to(self._model.dtype)
        return normalised


def load_encoder(folder: Path, choice: Choice, report: Callable[[str], None]) -> EncoderModel:
    """Load the model in `folder` from safetensors alone; `report` gets what is being done.

    Raises ModelUnusableError where the files are of another kind, damaged or incomplete.
    """
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    config = read_json(folder / "config.json") or {}
    family = family_of(config, read_json(folder / "tokenizer_config.json") or {})
    report("loading the weights")
    model = _moved(_load_model(folder, _class(family.model)), choice.device)
    limit = int(model.config.text_config.max_position_embeddings)
    text_input = TextInput(folder, family, limit)
    first = Choice(device=choice.device, dtype=choice.dtype, name=choice.name)
    dim = width_of(config, family)
    head = read_local_head(folder, dim=dim, widths=local_widths(model))
    encoder = EncoderModel(model, family, text_input, read_input_spec(folder), first, dim, head)
    if choice.dtype != NumberFormat.FP32:
        report(f"checking {choice.dtype}")
    if choice.dtype == NumberFormat.INT8:
        encoder.quantize()
        if encoder.agreement is None or encoder.agreement < MIN_INT8_AGREEMENT:
            raise ModelUnusableError(
                f"the model in {folder} agrees in int8 with fp32 only to {encoder.agreement:.4f}",
                hint=f"Name it without {INT8_SUFFIX}.",
            )
    elif choice.dtype != NumberFormat.FP32:
        encoder.shorten(choice.dtype)
    return encoder


def _load_model(folder: Path, kind: Model) -> Model:
    try:
        model, info = kind.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (
        OSError,
        ValueError,
        RuntimeError,
        LookupError,
        TypeError,
        ImportError,
        SafetensorError,
    ) as error:
        raise ModelUnusableError(f"{folder} cannot be loaded: {error}", hint=_HINT) from error
    missing = sorted(info["missing_keys"]) + sorted(str(key) for key in info["mismatched_keys"])
    if missing:
        raise ModelUnusableError(
            f"the weights in {folder} are incomplete: {len(missing)} are missing or of another "
            f"shape, such as {missing[0]}",
            hint=_HINT,
        )
    return model.eval()


def _moved(model: Model, device: str) -> Model:
    try:
        return model.to(device)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"the model does not fit in the memory of {device}: {error}",
            hint="Close other programs, take a smaller model, or set the device to cpu.",
        ) from error


def _unit(features: torch.Tensor) -> FloatArray:
    """Return vectors [..., dim] at unit length; raise where one has no direction."""
    vectors: FloatArray = features.float().cpu().numpy()
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        raise EngineError("the encoder gave vectors that are no numbers")
    unit: FloatArray = vectors / lengths
    return unit


def _probe_pictures(height: int, width: int) -> NDArray[np.uint8]:
    """Return four smooth pictures and four of noise, the same at every start."""
    noise = np.random.default_rng(0).random((8, height, width, 3))
    down, across = np.mgrid[0:height, 0:width]
    for number in range(4):
        wave = np.sin((number + 1) * math.pi * (down / height + across / width))
        noise[number] = 0.9 * (wave[..., None] + 1) / 2 + 0.1 * noise[number]
    return (noise * 255).astype(np.uint8)


def _in_int8(model: Model) -> Model:
    """The model with weights in int8; what enters a layer is scaled as it comes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            copy.deepcopy(model), {torch.nn.Linear}, dtype=torch.qint8
        )
