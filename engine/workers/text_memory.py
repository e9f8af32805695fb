"""Texts that a pipeline read before are not read again, whatever its text towers are."""

import functools
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch

Pipeline: TypeAlias = Any
Output: TypeAlias = Any
Value: TypeAlias = Any
Key: TypeAlias = tuple[object, ...]

MAX_BYTES = 256 << 20
"""Of embeddings that are kept: towers that give all their layers give megabytes a text."""
_TOWER = "text_encoder"


class TextMemory:
    """Keeps what the text towers of a pipeline made of their last tokens."""

    def __init__(self, pipe: Pipeline) -> None:
        self._kept: OrderedDict[Key, tuple[Output, int]] = OrderedDict()
        self._size = 0
        for name, part in pipe.components.items():
            if _TOWER in name and isinstance(part, torch.nn.Module):
                self._watch(name, part)

    def clear(self) -> None:
        """Forget everything: the towers have changed."""
        self._kept.clear()
        self._size = 0

    def _watch(self, name: str, tower: torch.nn.Module) -> None:
        read = tower.forward

        @functools.wraps(read)
        def remembered(*args: Value, **kwargs: Value) -> Output:
            count = _count((args, kwargs))
            if count > 1:
                # Each as it is read alone.
                rows = (_row((args, kwargs), row) for row in range(count))
                return _joined([remembered(*one, **two) for one, two in rows])
            key = (name, _key(args), _key(kwargs))
            if key not in self._kept:
                self._remember(key, read(*args, **kwargs))
            self._kept.move_to_end(key)
            return self._kept[key][0]

        tower.forward = remembered

    def _remember(self, key: Key, output: Output) -> None:
        size = _bytes(output)
        self._kept[key] = output, size
        self._size += size
        while self._size > MAX_BYTES and len(self._kept) > 1:
            _, (_, freed) = self._kept.popitem(last=False)
            self._size -= freed


def _key(value: Value) -> object:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().float().cpu().numpy().tobytes()
    if isinstance(value, Mapping):
        return tuple((name, _key(value[name])) for name in sorted(value))
    if isinstance(value, tuple | list):
        return tuple(map(_key, value))
    return repr(value)


def _count(value: Value) -> int:
    """How many texts are read at once; 1 where that cannot be told by what is given."""
    found = {each.shape[0] if each.ndim else 0 for each in _tensors(value)}
    return found.pop() if len(found) == 1 else 1


def _tensors(value: Value) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _tensors(each)


def _row(value: Value, row: int) -> Value:
    """The same of one text."""
    if isinstance(value, torch.Tensor):
        return value[row : row + 1]
    if isinstance(value, Mapping):
        return {name: _row(each, row) for name, each in value.items()}
    return (
        type(value)(_row(each, row) for each in value) if isinstance(value, tuple | list) else value
    )


def _joined(outputs: Sequence[Output]) -> Output:
    """What was made of single texts, as if they had been read at once."""
    first = outputs[0]
    if isinstance(first, torch.Tensor):
        return torch.cat([*outputs])
    if isinstance(first, Mapping):
        return type(first)(
            **{name: _joined([output[name] for output in outputs]) for name in first}
        )
    if isinstance(first, tuple | list):
        return type(first)(_joined(parts) for parts in zip(*outputs, strict=True))
    return first


def _bytes(output: Output) -> int:
    if isinstance(output, torch.Tensor):
        return output.numel() * output.element_size()
    if isinstance(output, Mapping):
        return sum(map(_bytes, output.values()))
    return sum(map(_bytes, output)) if isinstance(output, tuple | list) else 0
