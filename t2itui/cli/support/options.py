"""Options that fill the fields of a request, and a look at models that are at work meanwhile."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

import click

from engine import disk, numbers
from engine.states import JobKind, ProcessState
from t2itui.cli.support.paths import GivenPath
from t2itui.text.plain import plain
from t2itui.text.words import patch_words

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.jobs.forms import Option


_Decorated = TypeVar("_Decorated", bound=Callable[..., object])


class Whole(click.IntRange):
    """A whole number that can be stored; `--help` tells the limits that were given."""

    def _describe_range(self) -> str:
        return "" if self.min is None and self.max is None else super()._describe_range()

    def convert(self, value: int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = int(super().convert(value, param, ctx))
        if number != numbers.storable(number):
            self.fail("it is too large", param, ctx)
        return number


class Finite(click.FloatRange):
    """A number, neither endless nor none; `--help` tells the limits that were given."""

    def _describe_range(self) -> str:
        return "" if self.min is None and self.max is None else super()._describe_range()

    def convert(
        self, value: float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is no number to work with", param, ctx)
        return number


def request_options(
    kind: JobKind, **types: click.ParamType[object]
) -> Callable[[_Decorated], _Decorated]:
    """Give a command the options that fill the fields of its request, under the fields' names.

    `types` are those of fields whose values no annotation describes.
    """
    # A search is no job, and starts without what describes them.
    from engine.jobs.codec import defaults_of, field_types
    from engine.jobs.forms import FORMS

    form = FORMS[kind]
    hints, usual = field_types(form), defaults_of(form)

    def add(command: _Decorated) -> _Decorated:
        for option in reversed(form.options):
            name, hint = option.field, hints.get(option.field)
            is_repeated = get_origin(hint) is tuple
            given = types.get(name) or _param_type(option, hint)
            command = click.option(
                option.flag,
                name,
                type=None if hint is bool else given,
                is_flag=hint is bool,
                multiple=is_repeated,
                default=_plain(usual.get(name)) if option.shows_default else None,
                show_default=option.shows_default,
                required=name not in usual,
                metavar=option.metavar,
                help=option.help or None,
                callback=_switched_off if option.switches_off else None,
            )(command)
        return command

    return add


def asked(fields: Mapping[str, object]) -> dict[str, Any]:
    """The fields that the options gave, their paths absolute; the request has the others."""
    given = {name: value for name, value in fields.items() if value is not None and value != ()}
    return {
        name: disk.from_root(value) if isinstance(value, Path) else value
        for name, value in given.items()
    }


def _plain(value: object) -> object:
    """A default as it is typed: of an enum's member click would show the name."""
    return str(value) if isinstance(value, StrEnum) else value


def _param_type(option: Option, hint: object) -> click.ParamType[Any] | type | None:
    from engine.jobs.forms import PathKind

    if option.choices:
        return click.Choice([str(choice) for choice in option.choices])
    if option.path is not None:
        return GivenPath(
            exists=option.path is not PathKind.NEW_FOLDER,
            file_okay=option.path not in (PathKind.FOLDER, PathKind.NEW_FOLDER),
            dir_okay=option.path is not PathKind.FILE,
            path_type=Path,
        )
    plain_types = [each for each in (int, float) if hint is each or each in get_args(hint)]
    if plain_types == [int]:
        return Whole(min=option.at_least)
    return Finite() if plain_types else str


def _switched_off(context: click.Context, parameter: click.Parameter, value: bool) -> bool:
    return not value


T = TypeVar("T")

QUIET_S = 0.7
"""An answer that comes sooner needs no explanation."""


async def waiting_for_models(engine: Engine, work: Coroutine[None, None, T]) -> T:
    """Await `work`; on a terminal, stderr shows which model is loading or at work meanwhile."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait([task], timeout=QUIET_S if sys.stderr.isatty() else None)
        if not task.done():
            await _show(engine, task)
        return await task
    finally:
        task.cancel()


async def _show(engine: Engine, task: asyncio.Future[T]) -> None:
    from rich.console import Console
    from rich.text import Text

    started = time.monotonic() - QUIET_S
    with Console(stderr=True).status("") as status:
        while not task.done():
            busy = [
                worker for worker in engine.encoders.state() if worker.state is not ProcessState.OFF
            ]
            words = "; ".join(f"{worker.source}: {worker.state}" for worker in busy) or "searching"
            if patches := patch_words(engine):
                words += f", {patches}"
            seconds = time.monotonic() - started
            shown = Text(f"{plain(words)}  {seconds:.0f} s, Ctrl-C stops")
            status.update(shown, spinner="line")
            await asyncio.wait([task], timeout=0.5)
