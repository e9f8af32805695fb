"""Time to the first paint: t2itui as a person starts it, against an empty Textual app.

Run it as `python -m tests.bench.bench_paint [REPEATS]`. The two take turns in the same run, each in
a fresh interpreter on a fresh pty; read the ratio, not the milliseconds.
"""

import statistics
import sys
import tempfile

from tests.bench.on_pty import run_on_pty

EMPTY = """
from textual.app import App
from textual.widgets import Label
class Empty(App):
    def compose(self):
        yield Label("painted")
Empty().run()
"""
T2ITUI = """
import sys
sys.argv = ["t2itui", "--home", {home!r}]
from t2itui.__main__ import main
main()
"""


def first_paint_ms(code: str, marker: str) -> float:
    """Milliseconds from starting the interpreter until the marker is on the terminal."""
    return run_on_pty(code, marker=marker, stop_at_marker=True).painted_s * 1000


def main(repeats: int) -> None:
    """Measure both in turns and print medians, minima and their ratios."""
    empty, whole = [], []
    with tempfile.TemporaryDirectory() as home:
        for _ in range(repeats + 1):
            empty.append(first_paint_ms(EMPTY, "painted"))
            whole.append(first_paint_ms(T2ITUI.format(home=home), "t2itui"))
    # The first of each fills the file cache and writes bytecode.
    empty, whole = empty[1:], whole[1:]
    print(f"first paint, ms, {repeats} runs each      median    best")
    for name, times in (("empty Textual app", empty), ("t2itui", whole)):
        print(f"{name:36}{statistics.median(times):6.0f}  {min(times):6.0f}")
    ratio = statistics.median(whole) / statistics.median(empty)
    print(f"{'ratio':36}{ratio:6.2f}  {min(whole) / min(empty):6.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
