"""`t2itui generate`, and searches that paint: models are fakes, all else is real."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from engine.engine import Engine
from engine.models.generator_messages import EventBridge, GeneratedImage
from engine.models.parameters import GenerationParameters
from engine.settings import EngineSettings
from engine.states import OutputCheck
from t2itui.cli.main import cli
from tests.engine.generation.studio import ColourEncoders, ColourGenerators
from tests.t2itui.cli.conftest import RunCli, json_lines


@pytest.fixture
def generators(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ColourGenerators:
    """The generator of every engine that a command opens."""
    settings = EngineSettings(home=tmp_path / "home")
    fake = ColourGenerators(settings)

    async def nothing() -> None:
        """It has no process."""

    monkeypatch.setattr(fake, "aclose", nothing)
    monkeypatch.setattr(Engine, "generators", fake)
    monkeypatch.setattr(Engine, "encoders", ColourEncoders(settings))
    return fake


@pytest.fixture
def paint(generators: ColourGenerators, run_cli: RunCli) -> RunCli:
    """`run_cli` with a generator, and the storybook left out."""
    assert run_cli("library", "--storybook", "off").exit_code == 0
    return run_cli


def last(result: Result) -> dict[str, object]:
    """The last JSON line."""
    return json_lines(result)[-1]


def kinds(result: Result) -> list[object]:
    """The types of the JSON lines, repeats left out."""
    return list(dict.fromkeys(line["type"] for line in json_lines(result)))


def test_json_streams_the_events_and_ends_with_the_picture(paint: RunCli) -> None:
    result = paint("generate", "一个红球", "--seed", "3", "--json")
    assert result.exit_code == 0, result.output
    assert kinds(result) == [
        "queued",
        "started",
        "loading",
        "step",
        "preview",
        "decoding",
        "library_changed",
        "kept",
        "progress",
        "scored",
        "finished",
    ]
    end = last(result)
    assert list(end)[:8] == [
        "type",
        "job",
        "path",
        "seed",
        "cosine",
        "match",
        "seconds",
        "cached",
    ]
    assert (end["seed"], end["cached"], end["seconds"]) == (3, False, 1.25)
    assert Path(str(end["path"])).is_file()
    preview = next(line for line in json_lines(result) if line["type"] == "preview")
    assert (preview["width"], len(str(preview["rgb"]))) == (2, 16)


def test_the_same_command_is_served_from_the_cache_and_says_so(paint: RunCli) -> None:
    first = paint("generate", "a red ball", "--json")
    second = paint("generate", "a red ball", "--json")
    assert kinds(second)[:3] == ["queued", "started", "kept"]
    assert last(second)["cached"] is True
    assert last(second)["path"] == last(first)["path"]
    told = paint("generate", "a red ball")
    assert "painted before" in told.stderr
    fresh = paint("generate", "a red ball", "--fresh", "--json")
    assert last(fresh)["path"] != last(first)["path"]


def test_a_picture_repeats_its_recipe(paint: RunCli, generators: ColourGenerators) -> None:
    options = ("--steps", "3", "--size", "16x24", "--negative", "blur", "--seed", "5")
    first = last(paint("generate", "a blue ball", *options, "--json"))
    again = paint("generate", "--from", str(first["path"]), "--json")
    assert (last(again)["cached"], last(again)["path"]) == (True, first["path"])
    other = last(paint("generate", "--from", str(first["path"]), "--seed", "6", "--json"))
    assert generators.seeds == [5, 6]
    recipe = json_lines(paint("library", "--painted", "--json"))
    assert {(line["prompt"], line["seed"]) for line in recipe} == {
        ("a blue ball", 5),
        ("a blue ball", 6),
    }
    assert other["path"] != first["path"]


def test_a_person_reads_scores_and_path_and_gets_a_copy(paint: RunCli, tmp_path: Path) -> None:
    copy = tmp_path / "mine.png"
    result = paint("generate", "a red ball", "--seed", "3", "--save-as", str(copy))
    assert result.exit_code == 0, result.output
    match, cosine, path = result.stdout.split()
    assert 0 <= float(match) <= 1 and -1 <= float(cosine) <= 1
    assert copy.read_bytes() == Path(path).read_bytes()
    assert "painted 1 picture in" in result.stderr and "seed 3" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "say what to paint"),
        (("x", "--size", "big"), "is no size"),
        (("x", "--size", "33"), "multiple of 8"),
        (("x", "--scheduler", "heun"), "no scheduler"),
        (("x", "--lora", "nothing.safetensors:0.5"), "there is no file"),
        (("x", "--lora", "weights.ckpt"), "no safetensors file"),
        (("x", "--seed", "-1"), "the seed"),
        (("--again", "99"), "no painting job 99"),
    ],
)
def test_wrong_usage_is_told_and_paints_nothing(
    paint: RunCli, generators: ColourGenerators, arguments: tuple[str, ...], words: str
) -> None:
    result = paint("generate", *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
    assert generators.seeds == []


def test_a_spoilt_picture_is_an_error_with_a_way_out(
    paint: RunCli, generators: ColourGenerators
) -> None:
    generators.checks = [OutputCheck.BLACK]
    result = paint("generate", "a red ball", "--json")
    assert result.exit_code == 3
    assert last(result)["type"] == "error"
    assert "black" in str(last(result)["message"])
    assert "spoilt" in kinds(result)
    assert "seed" in str(last(result)["hint"])


def test_what_a_search_lacks_is_painted_now_and_found_the_next_time(
    paint: RunCli, generators: ColourGenerators
) -> None:
    assert paint("generate", "green", "--seed", "1").exit_code == 0
    missed = paint("search", "a red ball", "--json")
    assert (missed.exit_code, kinds(missed)) == (1, ["receipt", "result"])
    painted = paint("search", "a red ball", "--generate", "now", "--json")
    assert painted.exit_code == 0, painted.output
    assert kinds(painted)[0] == "receipt" and last(painted)["type"] == "finished"
    found = json_lines(paint("search", "a red ball", "--json"))
    assert found[0]["route"] == "retrieve"
    assert found[1]["path"] == last(painted)["path"]
    assert found[1]["synthetic"] is True
    hidden = json_lines(paint("search", "a red ball", "--json", "--synthetic", "only"))
    assert hidden[0]["considered"] == 2
    receipt = str(json_lines(painted)[0]["id"])
    replayed = json_lines(paint("history", receipt, "--json"))[0]
    assert replayed["job"] == last(painted)["job"]
    assert str(replayed["result"]) in str(last(painted)["path"])
    paths = paint("search", "something blue", "--generate", "now", "--paths")
    assert Path(paths.stdout.strip()).is_file()
    refused = paint("search", "a red ball", "--generate", "now", "--offline")
    assert refused.exit_code == 2


def test_nobody_is_asked_where_there_is_no_terminal(paint: RunCli) -> None:
    assert paint("generate", "green").exit_code == 0
    result = paint("search", "a red ball", "--generate", "ask")
    assert result.exit_code == 1
    assert "--generate now" in result.stderr


def test_painted_pictures_are_listed_counted_and_removed(paint: RunCli, tmp_path: Path) -> None:
    path = str(last(paint("generate", "a red ball", "--json"))["path"])
    assert "1 painted" in paint("library").stdout
    assert path in paint("library", "--painted").stdout
    own = tmp_path / "own.png"
    own.touch()
    assert paint("library", "--remove", str(own)).exit_code == 2
    assert own.exists()
    assert paint("library", "--remove", path).exit_code == 0
    assert not Path(path).exists()
    assert json.loads(paint("library", "--json").stdout.splitlines()[0])["synthetic"] == 0


def test_what_was_left_unfinished_is_listed_and_run_again(
    paint: RunCli, generators: ColourGenerators, tmp_path: Path
) -> None:
    assert paint("generate", "a red ball", "--seed", "3").exit_code == 0
    with closing(sqlite3.connect(tmp_path / "home" / "cache.sqlite3")) as db:
        db.execute("update jobs set state = 'lost' where kind = 'generate'")
        db.commit()
    (left,) = json_lines(paint("generate", "--unfinished", "--json"))
    assert (left["title"], left["state"]) == ("paint a red ball", "lost")
    again = last(paint("generate", "--again", str(left["job"]), "--json"))
    assert (again["cached"], again["seed"]) == (True, 3)
    fresh = last(paint("generate", "--again", str(left["job"]), "--fresh", "--json"))
    assert (fresh["cached"], fresh["seed"] != 3) == (False, True)
    assert generators.previewed == [False, True], "previews are as asked for this time"
    refused = paint("generate", "--again", str(left["job"]), "--steps", "9")
    assert refused.exit_code == 2 and "as it was" in refused.output
    assert "nothing was left unfinished" in paint("generate", "--unfinished").stderr


def test_waiting_for_another_instance_is_said_once(
    paint: RunCli, generators: ColourGenerators, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate_at_once = generators.generate

    async def wait_first(
        source: str,
        parameters: GenerationParameters,
        seed: int,
        *,
        preview: bool,
        bridge: EventBridge,
    ) -> GeneratedImage:
        bridge({"event": "waiting"})
        return await generate_at_once(source, parameters, seed, preview=preview, bridge=bridge)

    monkeypatch.setattr(generators, "generate", wait_first)
    said = paint("generate", "a red ball").stderr
    assert said.count("waiting for another t2itui that paints: Ctrl-C gives up") == 1
    assert kinds(paint("generate", "a blue ball", "--json"))[2] == "waiting"


def test_generate_is_listed_with_the_commands() -> None:
    assert "generate" in CliRunner().invoke(cli, ["--help"]).stdout
