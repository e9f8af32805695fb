"""The layers and the lightness of the program's own process, seen in fresh interpreters."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HEAVY = {
    "torch",
    "transformers",
    "diffusers",
    "huggingface_hub",
    "tokenizers",
    # What measures an evaluation takes a second to import.
    "sklearn",
    "scipy",
}
APP = {"textual", "textual_image", "t2itui"}


def modules_after(code: str, home: Path) -> set[str]:
    """The modules that an interpreter holds once it has run `code`."""
    script = f"import sys\n{code}\nsys.stdout.write('\\n@@' + ' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "T2ITUI_HOME": str(home)},
    )
    return set(done.stdout.rpartition("@@")[2].split())


def run_command(*arguments: str) -> str:
    """Code that runs the command line and goes on after it."""
    return (
        "from t2itui.cli.main import cli\n"
        f"try: cli({list(arguments)!r}, prog_name='t2itui')\n"
        "except SystemExit as end: assert end.code in (0, 1, None), end.code"
    )


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("cache.store", HEAVY | APP | {"engine"}),
        ("cache.embeddings", HEAVY | APP | {"engine"}),
        ("engine.engine", HEAVY | APP | {"engine.workers"}),
        ("engine.evaluation.evaluator", HEAVY | APP),
        ("engine.workers.decoder", HEAVY | APP),
        ("t2itui.app", HEAVY | {"engine.engine", "engine.workers", "sqlite_utils"}),
        (
            "t2itui.screens.evaluate.screen",
            HEAVY | {"numpy", "plotext", "matplotlib", "sqlite_utils"},
        ),
        ("t2itui.cli.main", HEAVY | {"textual", "numpy", "PIL", "engine", "sqlite_utils"}),
    ],
)
def test_importing_a_layer_leaves_the_ones_above_it_and_the_models_out(
    module: str, forbidden: set[str], tmp_path: Path
) -> None:
    assert forbidden.isdisjoint(modules_after(f"import {module}", tmp_path))


def test_help_imports_neither_models_nor_textual_nor_the_cache(tmp_path: Path) -> None:
    loaded = modules_after(run_command("--help"), tmp_path)
    assert (HEAVY | {"textual", "numpy", "sqlite_utils"}).isdisjoint(loaded)


FIRST_PAINT = """
import asyncio, contextlib, pathlib, os
from t2itui.app import T2ITuiApp
from t2itui.graphics import detect
from t2itui.session import Session

@contextlib.asynccontextmanager
async def never():
    await asyncio.Event().wait()
    yield

async def main():
    home = pathlib.Path(os.environ["T2ITUI_HOME"])
    app = T2ITuiApp(never, Session(graphics=detect("text"), home=home))
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.screen.is_current

asyncio.run(main())
"""


def test_the_first_paint_imports_neither_models_nor_numpy_nor_the_cache(tmp_path: Path) -> None:
    loaded = modules_after(FIRST_PAINT, tmp_path)
    assert "t2itui.screens.search.screen" in loaded
    assert (HEAVY | {"numpy", "PIL", "sqlite_utils", "engine.engine"}).isdisjoint(loaded)


FIRST_START = """
import asyncio, pathlib, os
from engine.engine import Engine
from t2itui.app import T2ITuiApp
from t2itui.graphics import detect
from t2itui.session import Session
from t2itui.settings import AppSettings

async def main():
    home = pathlib.Path(os.environ["T2ITUI_HOME"])
    settings = AppSettings()
    app = T2ITuiApp(
        lambda: Engine.open(settings.engine(home)),
        Session(graphics=detect("text"), settings=settings, home=home),
    )
    async with app.run_test(size=(120, 36)) as pilot:
        screen = app.screen
        while screen.body.current != "results":
            await pilot.pause(0.02)
        await pilot.press("ctrl+n")
        while "吃草" not in screen.results.listing.result.receipt.query:
            await pilot.pause(0.02)

asyncio.run(main())
"""


def test_a_first_start_and_a_suggested_query_import_no_model_library(tmp_path: Path) -> None:
    loaded = modules_after(FIRST_START, tmp_path / "home")
    assert "engine.library.collections" in loaded
    assert HEAVY.isdisjoint(loaded)


@pytest.fixture
def imported_home(tmp_path: Path) -> Path:
    """A home whose library knows three pictures by name, and two texts."""
    generator = np.random.default_rng(7)
    pictures, texts = generator.normal(size=(3, 8)), generator.normal(size=(20, 8))
    np.savez(tmp_path / "p.npz", image=["a.jpg", "b.jpg", "c.jpg"], vector=pictures)
    np.savez(tmp_path / "t.npz", text=[f"text {n}" for n in range(20)], vector=texts)
    home = tmp_path / "home"
    arguments = ["--encoder", "some/clip", "--pictures", str(tmp_path / "p.npz")]
    modules_after(
        run_command("cache", "import", *arguments, "--texts", str(tmp_path / "t.npz")), home
    )
    return home


SCORES = {"engine.scoring.match", "engine.search.scored_query", "engine.models.encoder_info"}
WORKS = {"engine.jobs.jobs", "engine.events", "engine.library.decoders", "PIL", "pathspec"}
"""What a job needs, or a picture; some of it takes as long to import as numpy."""
PLUGINS = {"importlib.metadata"}


def test_a_cached_search_and_its_rerun_import_no_model_library(imported_home: Path) -> None:
    first = modules_after(run_command("search", "text 1", "--json"), imported_home)
    rerun = modules_after(run_command("search", "text 1", "--json"), imported_home)
    assert "cache.store" in first & rerun
    assert (HEAVY | {"textual"}).isdisjoint(first | rerun)
    assert first >= SCORES - {"engine.models.encoder_info"}
    # The receipt answers, and what would make another one stays where it is.
    assert (SCORES | WORKS | PLUGINS).isdisjoint(rerun)
