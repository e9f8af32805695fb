"""What commands write: results to stdout, everything else to stderr, untrusted text made safe."""

import json
import sys
from collections.abc import Mapping, Sequence

import click

from t2itui.cli.support.streams import OutputLostError, is_closed, says_all
from t2itui.text.plain import plain
from t2itui.text.tables import write_table

_UNSAFE = [*range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_ESCAPES = {code: f"\\u{code:04x}" for code in [*_UNSAFE, *range(0xD800, 0xE000)]}
"""JSON leaves these as they are; a terminal would obey them."""


class Output:
    """Writes for a person, or JSON lines where a program reads."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def record(self, kind: str, values: Mapping[str, object]) -> None:
        """Write one JSON line of type `kind` to stdout."""
        text = json.dumps({"type": kind, **values}, ensure_ascii=not says_all(), allow_nan=False)
        sys.stdout.write(text.translate(_ESCAPES) + "\n")
        sys.stdout.flush()

    def line(self, text: str = "", *, dim: bool = False, bold: bool = False) -> None:
        """Write one line of a result for a person; colours go where stdout is no terminal."""
        click.echo(click.style(text, dim=dim or None, bold=bold or None))

    def path(self, path: str, end: str) -> None:
        """Write a path to stdout for a program that opens it: the bytes of the name."""
        sys.stdout.flush()
        try:
            sys.stdout.buffer.write(path.encode("utf-8", "surrogateescape") + end.encode())
            sys.stdout.buffer.flush()
        except OSError as error:
            raise OutputLostError(error) from error

    def closing(self, text: str) -> None:
        """Write the last sentence on work that is done; who closed stdout does without it."""
        if not is_closed():
            self.line(text)

    def say(self, text: str) -> None:
        """Write a remark to stderr."""
        click.echo(plain(text), err=True)

    def error(self, kind: str, message: str, hint: str = "") -> None:
        """Report why the command could not do its work, and what to do about it."""
        if self.as_json:
            self.record("error", {"error": kind, "message": message, "hint": hint})
        click.echo(click.style("error: ", fg="red") + plain(message), err=True)
        if hint:
            click.echo("  " + plain(hint), err=True)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, left: str = "") -> None:
        """Write columns as wide as their longest cell; names in `left` are set to the left."""
        write_table(self, head, rows, left=left)
