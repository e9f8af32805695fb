"""The text-to-image pipelines of the diffusers that is installed, and what each of them takes.

Read from its source, which needs neither torch nor the seconds that importing it takes.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import disk

LIBRARIES = ("diffusers", "transformers")
"""Whose classes a part may be of, beside those in the folders of diffusers' own pipelines."""

GUIDANCE = "guidance_scale"
TRUE_GUIDANCE = "true_cfg_scale"
"""Guidance by a second pass with the negative prompt, where GUIDANCE goes into the network."""

_TASKS = "AUTO_{}_PIPELINES_MAPPING"
_TEXT, _PICTURE, _INPAINT = (
    _TASKS.format(task) for task in ("TEXT2IMAGE", "IMAGE2IMAGE", "INPAINT")
)
_LORA = "LoraLoaderMixin"
_SINGLE_FILE = "FromSingleFileMixin"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineClass:
    """A pipeline of diffusers that paints what a text says."""

    name: str
    takes: Mapping[str, object]
    """The arguments of a call, with their defaults; None also for one that is no literal."""
    needs: tuple[str, ...]
    """The parts without which it cannot be put together."""
    has_lora: bool
    """LoRA files can be added to it."""
    opens_checkpoints: bool
    """It is also found in one checkpoint of the original layout."""
    image_to_image: str
    """The class that starts from a picture instead; empty where there is none."""
    inpainting: str
    """The class that paints a part of a picture anew; empty where there is none."""


def guidance_argument(takes: Mapping[str, object] | Sequence[str], *, is_embedded: bool) -> str:
    """Return which argument of a call is the guidance scale; empty where there is none.

    `is_embedded` is whether the network takes the scale as an input: without, what a pipeline
    with both arguments calls guidance does nothing.
    """
    if TRUE_GUIDANCE in takes and not is_embedded:
        return TRUE_GUIDANCE
    return GUIDANCE if GUIDANCE in takes else ""


def pipeline_class(name: str) -> PipelineClass | None:
    """Return the text-to-image pipeline of the model whose index names the class `name`.

    None where diffusers pairs it with none, as AutoPipelineForText2Image does.
    """
    tasks = _tasks()
    kind = next((each for task in tasks.values() for each in task if task[each] == name), None)
    text = tasks[_TEXT].get(kind or "")
    return None if kind is None or text is None else _read(text, kind)


def is_library(name: str) -> bool:
    """Tell whether a part's class may come from there: never from a model's own folder."""
    return name in LIBRARIES or (name.isidentifier() and disk.is_folder(_folder() / name))


@functools.cache
def _read(name: str, kind: str) -> PipelineClass:
    node = _class(name)
    bases = [ast.unparse(base) for base in node.bases]
    takes = _arguments(_method(node, "__call__"))
    parts = _arguments(_method(node, "__init__"))
    return PipelineClass(
        name=name,
        takes={argument: _literal(default) for argument, default in takes.items()},
        needs=tuple(part for part, default in parts.items() if default is None),
        has_lora=any(base.endswith(_LORA) for base in bases),
        opens_checkpoints=_SINGLE_FILE in bases,
        image_to_image=_tasks()[_PICTURE].get(kind, ""),
        inpainting=_tasks()[_INPAINT].get(kind, ""),
    )


@functools.cache
def _folder() -> Path:
    spec = importlib.util.find_spec("diffusers")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("diffusers is not installed")
    return Path(spec.submodule_search_locations[0]) / "pipelines"


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def _tasks() -> Mapping[str, Mapping[str, str]]:
    """Class names by kind of model, for each task."""
    found: dict[str, dict[str, str]] = {}
    for node in _tree(_folder() / "auto_pipeline.py").body:
        match node:
            case ast.Assign(
                targets=[ast.Name(id=name)], value=ast.Call(args=[ast.List(elts=rows)])
            ):
                found[name] = dict(_pairs(rows))
    return {name: found.get(name, {}) for name in (_TEXT, _PICTURE, _INPAINT)}


def _pairs(rows: Sequence[ast.expr]) -> Iterator[tuple[str, str]]:
    for row in rows:
        match row:
            case ast.Tuple(elts=[ast.Constant(value=str(kind)), ast.Name(id=name)]):
                yield kind, name


def _class(name: str) -> ast.ClassDef:
    """Return the definition of a pipeline's class, from the folder that it is imported from."""
    for node in _tree(_folder() / "auto_pipeline.py").body:
        match node:
            case ast.ImportFrom(module=str(module), level=1, names=names) if any(
                each.name == name for each in names
            ):
                return _definition(_folder().joinpath(*module.split(".")), name)
    raise LookupError(f"diffusers defines no {name}")


def _definition(folder: Path, name: str) -> ast.ClassDef:
    for path in sorted(disk.matching(folder, "*.py")):
        if f"class {name}(" in path.read_text(encoding="utf-8"):
            for node in _tree(path).body:
                if isinstance(node, ast.ClassDef) and node.name == name:
                    return node
    raise LookupError(f"diffusers defines no {name} in {folder}")


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef:
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == name:
            return each
    raise LookupError(f"{node.name} has no {name} of its own")


def _arguments(method: ast.FunctionDef) -> dict[str, ast.expr | None]:
    """Arguments of a method with their defaults; None for one that must be given."""
    names = [each.arg for each in method.args.args[1:]]
    defaults = method.args.defaults
    padded: list[ast.expr | None] = [None] * (len(names) - len(defaults))
    return dict(zip(names, [*padded, *defaults], strict=True))


def _literal(node: ast.expr | None) -> object:
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None
