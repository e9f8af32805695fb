"""What commands write: results to stdout, everything else to stderr, untrusted text made safe.

Nothing else writes (`tests/t2itui/cli/test_untrusted_text.py`), so nothing can be forgotten.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence

import click

from t2itui.text.plain import plain
from t2itui.text.tables import write_table

_UNSAFE = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001-\U000e007f]"
)
"""JSON leaves these as they are: a terminal would obey them, show them not at all, or take U+2028
and U+2029 for ends of lines, as many a reader of JSON lines does."""


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


class Output:
    """Writes for a person, or JSON lines where a program reads."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json

    def record(self, kind: str, values: Mapping[str, object]) -> None:
        """Write one JSON line of type `kind` to stdout."""
        text = json.dumps({"type": kind, **values}, ensure_ascii=False, allow_nan=False)
        sys.stdout.write(_UNSAFE.sub(_escaped, text) + "\n")
        sys.stdout.flush()

    def line(self, text: str = "", *, dim: bool = False, bold: bool = False) -> None:
        """Write one line of a result for a person; colours go where stdout is no terminal."""
        click.echo(click.style(plain(text), dim=dim or None, bold=bold or None))

    def names(self, names: Sequence[str], end: str = "\n") -> None:
        """Write names of files for a program, as they are; what a terminal shows is made safe."""
        is_terminal = sys.stdout.isatty()
        for name in names:
            sys.stdout.write((plain(name) if is_terminal else name) + end)

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
