"""Paths as the command line takes them."""

from __future__ import annotations

import os

import click


class GivenPath(click.Path):
    """A path; an empty text is none.

    `Path("")` is the current folder, which a script whose variable is empty means least of all.
    """

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        if not os.fspath(value):
            self.fail("it is empty: name a path", param, ctx)
        return super().convert(value, param, ctx)


class PicturePath(GivenPath):
    """A picture by its path, or by its short name where it comes with the program."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        from engine.collections import BUILT_IN

        return super().convert(BUILT_IN.long_name(os.fspath(value)), param, ctx)


class FolderOrAddress(GivenPath):
    """A folder, or the address of one on other storage, which stays a text."""

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        from engine.picture_names import is_address

        given = os.fspath(value)
        return given if is_address(given) else super().convert(value, param, ctx)
