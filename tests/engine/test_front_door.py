"""What a notebook finds in `engine`, and that looking for it loads nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import engine

OFFERED = {
    *("Engine", "EngineSettings", "Job"),
    *("SearchRequest", "Filters", "IndexRequest", "ImportRequest", "ExportRequest"),
    "AttachRequest",
    *("GenerateRequest", "Lora", "EvaluateRequest", "TrainRequest", "WhereRequest"),
    *("SearchResult", "Receipt", "ResultRow", "Scores", "WhereResult", "WordMap"),
    *("JobEvent", "JobProgress", "JobNote", "JobFinished", "JobFailed", "JobCancelled"),
    *("Route", "JobKind", "JobState"),
    *("T2IError", "CacheError", "EngineError", "RequestError"),
    *("ModelMissingError", "EmptyLibraryError"),
}


def test_the_engine_offers_these_names_and_no_others() -> None:
    assert set(engine.__all__) == OFFERED
    assert set(dir(engine)) >= OFFERED


def test_every_name_that_is_offered_is_there_under_that_name() -> None:
    for name in OFFERED:
        assert getattr(engine, name).__name__ == name


def test_every_error_that_is_offered_has_the_one_root() -> None:
    for name in OFFERED:
        if name.endswith("Error"):
            assert issubclass(getattr(engine, name), engine.T2IError)


def test_importing_the_engine_imports_none_of_its_rooms() -> None:
    code = "import sys, engine; print(*(name for name in sys.modules if 'engine.' in name))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_searching_an_empty_home_through_the_front_door(tmp_path: Path) -> None:
    code = f"""
import asyncio, pathlib
from engine import Engine, EngineSettings, SearchRequest, T2IError

async def main():
    async with Engine.open(EngineSettings(home=pathlib.Path({str(tmp_path)!r}))) as engine:
        result = await engine.search(SearchRequest(query="a horse", top=3))
        print(len(result.rows), result.receipt.route)

asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("3 "), done.stdout


PUBLIC = {
    *("engine", "engine.collections", "engine.doctor", "engine.engine", "engine.errors"),
    *(
        "engine.events",
        "engine.file_types",
        "engine.files",
        "engine.home_files",
        "engine.picture_names",
    ),
    *("engine.requests", "engine.results", "engine.settings", "engine.states"),
    "engine.untrusted.documents",
    *(
        "engine.comparing.beside",
        "engine.comparing.files",
        "engine.comparing.known_scenes",
        "engine.comparing.comparison",
    ),
    *("engine.evaluation.evaluator", "engine.evaluation.plots", "engine.evaluation.results"),
    *("engine.generation.generation", "engine.generation.recipe", "engine.generation.request"),
    *("engine.jobs.codec", "engine.jobs.forms", "engine.jobs.jobs"),
    *("engine.library.left_out", "engine.library.repair"),
    "engine.local.drawing",
    *("engine.models.generator_info", "engine.models.generators"),
    *("engine.models.devices", "engine.models.parameters", "engine.models.schedulers"),
    *("engine.patience", "engine.sheets.job"),
    *("engine.scoring", "engine.scoring.heads", "engine.scoring.matcher"),
    "engine.scoring.registry",
    *("engine.language", "engine.scoring.resampling"),
    *("engine.search.labels", "engine.search.query"),
    *("engine.sheets.files", "engine.sheets.prompts", "engine.sheets.request"),
    *("engine.sheets.sheet", "engine.sheets.sheets"),
    "engine.storybook.suggestions",
    *("engine.training.report", "engine.training.run", "engine.training.training"),
}
"""The modules of the engine that the app and the command line may know."""


def test_the_app_and_the_command_line_know_the_public_modules_alone() -> None:
    imported = {
        node.module
        for path in (Path(engine.__file__).parents[1] / "t2itui").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("engine")
    }
    assert imported - PUBLIC == set()
