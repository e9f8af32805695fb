"""Downloads, by the real client in its process, from a hub on this machine."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import DownloadError, EngineError, ModelUnusableError, RequestError
from engine.events import JobEvent, JobNote, JobProgress
from engine.models.downloads import Download, Downloads, TransferRate
from engine.models.encoders import Encoders
from engine.models.generators import Generators
from engine.settings import EngineSettings
from tests.engine.models.fake_hub import FakeHub, Server
from tests.engine.models.waiting import until

ID = "someone/tiny-clip"
PADDING = 3_000_000


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub in use, and an empty cache."""
    hub = FakeHub()
    server = Server(hub)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", server.address)
    yield hub
    server.stop()


@pytest.fixture
def settings(tmp_path: Path) -> EngineSettings:
    (tmp_path / "home").mkdir()
    return EngineSettings(home=tmp_path / "home")


@pytest.fixture
def files(tiny: Path) -> dict[str, bytes]:
    """A model in Hugging Face format, with what else such a repository holds."""
    found = {file.name: file.read_bytes() for file in (tiny / "clip").iterdir()}
    return found | {
        "README.md": b"# A model",
        "pytorch_model.bin": b"pickled",
        "flax_model.msgpack": b"",
    }


def without_safetensors(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: content for name, content in files.items() if name != "model.safetensors"}


async def fetch(settings: EngineSettings, model: str = ID) -> tuple[str, list[JobEvent]]:
    events: list[JobEvent] = []
    return await Downloads(settings).job(model).run(7, events.append), events


async def test_a_download_brings_what_the_encoder_needs_and_nothing_else(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    commit = hub.add(ID, files)
    message, events = await fetch(settings)
    folder = Encoders(settings).locate(ID)
    assert folder is not None
    assert folder.name == commit
    assert str(folder) in message
    assert {"README.md", "pytorch_model.bin", "flax_model.msgpack"}.isdisjoint(hub.asked)
    for file in folder.iterdir():
        assert file.read_bytes() == files[file.name]
    facts = await Encoders(settings).describe(ID)
    assert (facts.id, facts.dim) == (ID, 32)

    progress = [event for event in events if isinstance(event, JobProgress)]
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert (
        progress[-1].done == progress[-1].total == sum(f.stat().st_size for f in folder.iterdir())
    )
    assert {event.unit for event in progress} == {"bytes"}
    hub.asked.clear()
    await fetch(settings)
    assert hub.asked == []


async def test_a_broken_connection_is_taken_up_where_it_broke(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    files["model.safetensors"] += bytes(PADDING)
    hub.add(ID, files)
    hub.drop_after = 1_000_000
    await fetch(settings)
    assert len(hub.ranges) == 2
    assert hub.ranges[0] == ""
    assert hub.ranges[1].startswith("bytes=")
    folder = Encoders(settings).locate(ID)
    assert folder is not None
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]


def size(file: Path) -> int:
    """Bytes of a file, 0 for one that was renamed since its folder was listed."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@pytest.mark.parametrize("ignores_ranges", [False, True])
async def test_a_cancelled_download_stops_at_once_and_goes_on_next_time(
    ignores_ranges: bool, hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    files["model.safetensors"] += bytes(PADDING)
    hub.add(ID, files)
    hub.hold_after = 1_000_000
    events: list[JobEvent] = []
    job = asyncio.create_task(Downloads(settings).job(ID).run(7, events.append))
    blobs = Path(settings.home.parent / "hf" / "hub").glob
    await until(lambda: any(size(file) > 500_000 for file in blobs("*/blobs/*.partial")))
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert Encoders(settings).locate(ID) is None

    hub.hold_after, hub.ignores_ranges = 0, ignores_ranges
    hub.release.set()
    (partial,) = blobs("*/blobs/*.partial")
    kept = partial.stat().st_size
    await fetch(settings)
    assert hub.ranges == ["", f"bytes={kept}-"]
    folder = Encoders(settings).locate(ID)
    assert folder is not None
    assert (folder / "model.safetensors").read_bytes() == files["model.safetensors"]
    assert list(blobs("*/blobs/*.partial")) == []


async def test_damaged_content_is_thrown_away(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    hub.add(ID, files)
    hub.damages = True
    with pytest.raises(DownloadError, match="damaged"):
        await fetch(settings)
    assert Encoders(settings).locate(ID) is None
    hub.damages = False
    await fetch(settings)
    assert Encoders(settings).locate(ID) is not None


async def test_a_model_with_pickled_weights_alone_is_refused(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    hub.add(ID, without_safetensors(files))
    with pytest.raises(ModelUnusableError, match=r"pytorch_model\.bin"):
        await fetch(settings)
    assert hub.asked == []


async def test_the_hubs_own_conversion_stands_in_for_pickled_weights(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    hub.add(ID, without_safetensors(files))
    hub.offer(ID, 3, "somebody", files)
    hub.offer(ID, 4, "SFconvertbot", files | {"pytorch_model.bin": b"other weights"})
    commit = hub.offer(ID, 5, "SFconvertbot", files)
    _, events = await fetch(settings)
    (note,) = [event for event in events if isinstance(event, JobNote)]
    assert "refs/pr/5" in note.message
    folder = Encoders(settings).locate(ID)
    assert folder is not None
    assert folder.name == commit
    assert "pytorch_model.bin" not in hub.asked


async def test_a_model_of_another_kind_is_refused_before_its_weights_come(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    hub.add(ID, files | {"config.json": b'{"model_type": "llama"}'})
    with pytest.raises(ModelUnusableError, match="llama"):
        await fetch(settings)
    assert hub.asked == ["config.json"]


async def test_a_pinned_revision_is_fetched_and_found(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    hub.add(ID, without_safetensors(files))
    commit = hub.add(ID, files, branch="v2")
    await fetch(settings, f"{ID}@v2")
    assert Encoders(settings).locate(f"{ID}@{commit}") == Encoders(settings).locate(f"{ID}@v2")
    with pytest.raises(DownloadError, match="no such revision"):
        await fetch(settings, f"{ID}@v3")


async def test_a_model_that_is_not_there_is_an_error(
    hub: FakeHub, settings: EngineSettings
) -> None:
    with pytest.raises(DownloadError, match=f"has no model {ID}") as caught:
        await fetch(settings)
    assert "hf auth login" in caught.value.hint


async def test_terms_that_were_not_accepted_are_named(
    hub: FakeHub, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.status, hub.headers = 403, {"X-Error-Code": "GatedRepo"}
    with pytest.raises(DownloadError, match="terms") as caught:
        await fetch(settings)
    assert f"/{ID}" in caught.value.hint


async def test_no_network_is_an_error_that_says_what_to_do(
    hub: FakeHub, settings: EngineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="cannot be reached") as caught:
        await fetch(settings)
    assert "HF_ENDPOINT" in caught.value.hint
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE is set"):
        await fetch(settings)


async def test_a_cache_that_cannot_be_written_is_an_error(
    hub: FakeHub, files: dict[str, bytes], settings: EngineSettings
) -> None:
    hub.add(ID, files)
    (settings.home.parent / "hf").write_text("a file in the way")
    with pytest.raises(EngineError, match="the download failed"):
        await fetch(settings)


@pytest.mark.parametrize(
    "name",
    [
        *("./folder", "a/b/c", "", "../x", "a b", "~"),
        *("n" * 97, f"a/{'n' * 97}", "a/b.git", "模型", "a/é", "a/-b", "a/b.", "a--b"),
    ],
)
def test_what_is_no_id_is_refused_at_once(name: str, settings: EngineSettings) -> None:
    with pytest.raises(RequestError):
        Downloads(settings).job(name)


def test_a_job_says_what_it_is(settings: EngineSettings) -> None:
    job = Downloads(settings).job(ID)
    assert isinstance(job, Download)
    assert (job.kind, job.title, job.request) == (
        "download",
        f"fetching {ID}",
        f'{{"model": "{ID}"}}',
    )


def test_the_pace_is_that_of_the_last_seconds() -> None:
    pace = TransferRate()
    pace.add(1000, 0.0)
    assert pace.rate == 0
    pace.add(2000, 1.0)
    assert pace.rate == 1000
    for second in range(2, 20):
        pace.add(2000 + 10 * second, float(second))
    assert pace.rate == pytest.approx(10)


def pipeline_files() -> dict[str, bytes]:
    """A diffusers repository as the large ones are: two precisions, pickles, a safety checker."""
    index = {
        "_class_name": "StableDiffusionPipeline",
        "scheduler": ["diffusers", "PNDMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    files = {"model_index.json": json.dumps(index).encode(), "README.md": b"# A model"}
    files |= {"v1-5-pruned.safetensors": b"everything", "tokenizer/merges.txt": b"#"}
    files |= {"scheduler/scheduler_config.json": b"{}", "safety_checker/config.json": b"{}"}
    weights = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model"}
    for part, stem in {**weights, "text_encoder": "model", "safety_checker": "model"}.items():
        files[f"{part}/config.json"] = b"{}"
        for ending in ("safetensors", "fp16.safetensors", "bin"):
            files[f"{part}/{stem}.{ending}"] = f"{part} {ending}".encode()
    return files


async def test_a_generator_comes_in_half_precision_without_its_safety_checker(
    hub: FakeHub, settings: EngineSettings
) -> None:
    commit = hub.add(ID, pipeline_files())
    message, _ = await fetch(settings)
    folder = Generators(settings).locate(ID)
    assert folder is not None and folder.name == commit
    assert message.endswith(str(folder))
    weights = {str(file.relative_to(folder)) for file in folder.rglob("*.safetensors")}
    assert weights == {
        "text_encoder/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.fp16.safetensors",
    }
    assert (folder / "tokenizer" / "merges.txt").is_file()
    assert not (folder / "safety_checker").exists() and not list(folder.rglob("*.bin"))


async def test_a_generator_without_half_precision_comes_whole_and_another_kind_is_refused(
    hub: FakeHub, settings: EngineSettings
) -> None:
    files = {name: data for name, data in pipeline_files().items() if ".fp16." not in name}
    hub.add(ID, files)
    await fetch(settings)
    folder = Generators(settings).locate(ID)
    assert folder is not None and len(list(folder.rglob("*.safetensors"))) == 3
    index = b'{"_class_name": "StableVideoDiffusionPipeline"}'
    hub.add("someone/film", files | {"model_index.json": index})
    hub.asked.clear()
    with pytest.raises(ModelUnusableError, match="StableVideoDiffusionPipeline"):
        await fetch(settings, "someone/film")
    assert hub.asked == ["model_index.json"]
