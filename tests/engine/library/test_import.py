"""Importing `.npz` files: what is kept, what is refused, and that it can be repeated."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from cache.embeddings import EncoderRecord, encoders, put_encoder
from cache.files import failures, folders
from cache.library import counts
from cache.pictures import scope, shown_pictures, thumbnails
from cache.sql import revision
from cache.texts import TextRecord, get_texts, imported_texts, put_texts
from engine.errors import EngineError, RequestError, VectorsError
from engine.events import JobCancelled, JobNote, JobProgress, LibraryChanged
from engine.jobs.jobs import Jobs
from engine.library.exchange import Exchange
from engine.requests import ImportRequest
from engine.settings import EngineSettings
from tests.engine.library.exchanging import (
    CLIP,
    open_desk,
    pictures_npz,
    save_picture,
    texts_npz,
    units,
)


async def test_pictures_and_texts_come_in_exactly_under_the_given_encoder(tmp_path: Path) -> None:
    vectors, words = units(3), units(2, seed=1)
    request = ImportRequest(
        encoder_id=CLIP,
        pictures=pictures_npz(tmp_path / "p.npz", ["a.jpg", "b/c.jpg", "狗.jpg"], vectors),
        texts=texts_npz(tmp_path / "t.npz", ["a dog", "一只狗"], words),
        logit_scale=42.0,
        languages=("en", "zh"),
    )
    async with open_desk(tmp_path / "home") as desk:
        sentence = await desk.bring_in(request)
        found = await desk.vectors_by_path()
        assert list(found) == ["a.jpg", "b/c.jpg", "狗.jpg"]
        np.testing.assert_array_equal(np.stack(list(found.values())), vectors)
        records = await desk.cache.read(imported_texts, CLIP)
        assert [record.text for record in records] == ["a dog", "一只狗"]
        np.testing.assert_array_equal(records[1].vector, words[1])
        assert await desk.cache.read(encoders) == [
            EncoderRecord(id=CLIP, dim=8, logit_scale=42.0, source="", languages=("en", "zh"))
        ]
        assert "3 pictures, 3 new" in sentence
        assert "2 texts, 2 new" in sentence


async def test_files_below_the_root_are_hashed_and_the_others_listed_by_name(
    tmp_path: Path,
) -> None:
    root = tmp_path / "pictures"
    save_picture(root / "red.png", "red")
    save_picture(root / "deep" / "blue.png", "blue")
    save_picture(root / "unnamed.png", "green")
    names = ["red.png", "gone.png", "deep/blue.png"]
    vectors = units(3)
    request = ImportRequest(
        encoder_id=CLIP, pictures=pictures_npz(tmp_path / "p.npz", names, vectors), root=root
    )
    async with open_desk(tmp_path / "home") as desk:
        sentence = await desk.bring_in(request)
        held = await desk.cache.read(counts)
        assert (held.pictures, held.present, held.named) == (3, 2, 1)
        ids = (await desk.cache.read(scope)).tolist()
        shown = {
            picture.file.path: picture
            for picture in await desk.cache.read(shown_pictures, ids)
            if picture.file is not None
        }
        red = shown[str(root / "red.png")]
        assert (red.picture.width, red.picture.height, red.picture.format) == (40, 20, "png")
        assert red.file is not None
        assert red.file.present
        assert red.file.size == (root / "red.png").stat().st_size
        gone = shown[str(root / "gone.png")]
        assert gone.picture.sha256 is None
        assert set(await desk.cache.read(thumbnails, ids)) == set(ids) - {gone.picture.id}
        by_path = await desk.vectors_by_path()
        for name, vector in zip(names, vectors, strict=True):
            np.testing.assert_array_equal(by_path[str(root / name)], vector)
        [folder] = await desk.cache.read(folders)
        assert (folder.path, folder.pictures, folder.vanished) == (str(root), 2, 0)
        assert "2 of them on the disk" in sentence


async def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    save_picture(root / "red.png", "red")
    (root / "bad.png").write_bytes(b"not a picture")
    request = ImportRequest(
        encoder_id=CLIP,
        pictures=pictures_npz(tmp_path / "p.npz", ["red.png", "bad.png", "no.png"], units(3)),
        texts=texts_npz(tmp_path / "t.npz", ["a dog"], units(1)),
        root=root,
    )
    async with open_desk(tmp_path / "home") as desk:
        first = await desk.bring_in(request)
        assert "1 unreadable" in first
        [failure] = await desk.cache.read(failures)
        assert failure.path == str(root / "bad.png")
        before = await desk.cache.read(revision)
        again = await desk.bring_in(request)
        assert "3 pictures, 0 new" in again
        assert "1 text, 0 new" in again
        assert "unreadable" not in again
        assert await desk.cache.read(revision) == before


async def test_a_file_that_turns_up_later_is_read_by_the_next_import(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    request = ImportRequest(
        encoder_id=CLIP, pictures=pictures_npz(tmp_path / "p.npz", ["red.png"], units(1)), root=root
    )
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(request)
        assert (await desk.cache.read(counts)).named == 1
        save_picture(root / "red.png", "red")
        await desk.bring_in(request)
        held = await desk.cache.read(counts)
        assert (held.pictures, held.present, held.named) == (1, 1, 0)


async def test_two_names_of_one_content_become_one_picture(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    save_picture(root / "a.png", "red")
    save_picture(root / "b.png", "red")
    vectors = units(2)
    request = ImportRequest(
        encoder_id=CLIP,
        pictures=pictures_npz(tmp_path / "p.npz", ["a.png", "b.png"], vectors),
        root=root,
    )
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(request)
        held = await desk.cache.read(counts)
        assert (held.pictures, held.embedded) == (1, {CLIP: 1})
        [vector] = (await desk.vectors_by_path()).values()
        np.testing.assert_array_equal(vector, vectors[0])


async def test_nothing_outside_the_root_is_opened(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    root.mkdir()
    outside = save_picture(tmp_path / "secret.png", "red")
    names = ["../secret.png", str(outside)]
    request = ImportRequest(
        encoder_id=CLIP, pictures=pictures_npz(tmp_path / "p.npz", names, units(2)), root=root
    )
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(request)
        held = await desk.cache.read(counts)
        assert (held.present, held.named) == (0, 1)
        assert not await desk.cache.read(thumbnails, (await desk.cache.read(scope)).tolist())


async def test_vectors_of_any_length_and_precision_are_normalised(tmp_path: Path) -> None:
    vectors = units(3)
    scaled = (vectors * np.array([[0.01], [1.0], [50.0]])).astype(np.float64)
    half = units(2, seed=3).astype(np.float16)
    async with open_desk(tmp_path / "home") as desk:
        for stem, names, given in (("s", ["a", "b", "c"], scaled), ("h", ["d", "e"], half)):
            path = pictures_npz(tmp_path / f"{stem}.npz", names, given)
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=path))
        found = np.stack(list((await desk.vectors_by_path()).values()))
    np.testing.assert_allclose(np.linalg.norm(found.astype(np.float64), axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(found[:3], vectors, atol=1e-7)


async def test_a_name_given_twice_keeps_its_first_vector_and_says_so(tmp_path: Path) -> None:
    vectors = units(3)
    path = pictures_npz(tmp_path / "p.npz", ["a", "b", "a"], vectors)
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=path))
        np.testing.assert_array_equal((await desk.vectors_by_path())["a"], vectors[0])
        [note] = [event for event in desk.events if isinstance(event, JobNote)]
        assert "1 picture is named more than once" in note.message


def zero(vectors: np.typing.NDArray[np.float32]) -> np.typing.NDArray[np.float32]:
    vectors[1] = 0
    return vectors


def with_value(value: float) -> np.typing.NDArray[np.float32]:
    vectors = units(2)
    vectors[1, 3] = value
    return vectors


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        (zero(units(2)), r"'b' \(row 1\) is all zeros"),
        (with_value(np.nan), r"'b' \(row 1\) has values that are not finite"),
        (with_value(np.inf), r"'b' \(row 1\) has values that are not finite"),
        (units(3), "2 names for 3 vectors"),
        (units(2)[0], "expected vectors as a matrix"),
        (np.ones((2, 8), np.int64), "expected vectors as a matrix of floating-point"),
        (np.ones((2, 8), np.complex64), "expected vectors as a matrix of floating-point"),
        (np.ones((2, 0), np.float32), "the vectors have no numbers"),
    ],
)
async def test_vectors_that_make_no_sense_are_refused_and_nothing_is_kept(
    tmp_path: Path, vectors: np.typing.NDArray[np.generic], complaint: str
) -> None:
    path = pictures_npz(tmp_path / "p.npz", ["a", "b"], vectors)
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match=complaint):
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=path))
        held = await desk.cache.read(counts)
        assert (held.pictures, held.embedded) == (0, {})


@pytest.mark.parametrize("name", ["", "  ", "a\ud800"])
async def test_names_that_cannot_be_stored_are_refused(tmp_path: Path, name: str) -> None:
    path = pictures_npz(tmp_path / "p.npz", ["a", name], units(2))
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match="row 1"):
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=path))


async def test_names_as_utf8_bytes_are_read_as_text(tmp_path: Path) -> None:
    names = np.array(["é.jpg".encode(), b"b.jpg"])
    np.savez(tmp_path / "p.npz", image=names, vector=units(2))
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=tmp_path / "p.npz"))
        assert set(await desk.vectors_by_path()) == {"é.jpg", "b.jpg"}


async def test_nothing_is_unpickled(tmp_path: Path) -> None:
    names = np.array(["a", Path("b")], dtype=object)
    np.savez(tmp_path / "p.npz", allow_pickle=True, image=names, vector=units(2))
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match="Python objects, which are never") as caught:
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=tmp_path / "p.npz"))
        assert "numpy.savez" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", b"text", None])
async def test_a_file_that_is_no_npz_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "p.npz"
    if content is None:
        pictures_npz(path, ["a", "b"], units(2))
        content = path.read_bytes()[:-200]
    path.write_bytes(content)
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match="something else, or cut short"):
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=path))


async def test_missing_arrays_are_named(tmp_path: Path) -> None:
    path = texts_npz(tmp_path / "t.npz", ["a dog"], units(1))
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match="has the arrays text, vector; `image` and"):
            await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=path))


@pytest.mark.parametrize(
    ("request_", "kind", "complaint"),
    [
        (ImportRequest(encoder_id=CLIP), RequestError, "Nothing to import"),
        (ImportRequest(encoder_id=CLIP, texts=Path("no.npz")), VectorsError, "no file no.npz"),
        (
            ImportRequest(encoder_id=CLIP, texts=Path("no.npz"), root=Path("nowhere")),
            RequestError,
            "no folder nowhere",
        ),
    ],
)
async def test_a_request_without_files_is_refused(
    tmp_path: Path, request_: ImportRequest, kind: type[EngineError], complaint: str
) -> None:
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(kind, match=complaint):
            await desk.bring_in(request_)


async def test_pictures_and_texts_of_two_spaces_are_refused(tmp_path: Path) -> None:
    request = ImportRequest(
        encoder_id=CLIP,
        pictures=pictures_npz(tmp_path / "p.npz", ["a"], units(1, 8)),
        texts=texts_npz(tmp_path / "t.npz", ["a dog"], units(1, 16)),
    )
    async with open_desk(tmp_path / "home") as desk:
        with pytest.raises(VectorsError, match="cannot come from one encoder"):
            await desk.bring_in(request)


async def test_a_part_that_is_refused_leaves_nothing_of_the_others(tmp_path: Path) -> None:
    texts = texts_npz(tmp_path / "t.npz", ["a dog", "a cat"], units(2) * np.float32(np.nan))
    pictures = pictures_npz(tmp_path / "p.npz", ["a.png", "b.png"], units(2))
    good = texts_npz(tmp_path / "good.npz", ["a dog", "a cat"], units(2))
    bad = pictures_npz(tmp_path / "bad.npz", ["a.png", " "], units(2))
    for one, other in ((pictures, texts), (bad, good)):
        async with open_desk(tmp_path / "home") as desk:
            with pytest.raises(VectorsError):
                await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=one, texts=other))
            held = await desk.cache.read(counts)
            assert (held.pictures, held.embedded) == (0, {})
            assert await desk.cache.read(encoders) == []


async def test_another_dimension_than_the_encoder_has_is_refused(tmp_path: Path) -> None:
    first = pictures_npz(tmp_path / "p.npz", ["a"], units(1, 8))
    second = texts_npz(tmp_path / "t.npz", ["a dog"], units(1, 16))
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(ImportRequest(encoder_id=CLIP, pictures=first))
        with pytest.raises(VectorsError, match="vectors of 8 numbers in the cache; these have 16"):
            await desk.bring_in(ImportRequest(encoder_id=CLIP, texts=second))
        await desk.bring_in(ImportRequest(encoder_id="other", texts=second))
        assert len(await desk.vectors_by_path()) == 1


async def test_what_is_known_of_an_encoder_outlives_an_import_with_the_defaults(
    tmp_path: Path,
) -> None:
    known = EncoderRecord(id=CLIP, dim=8, logit_scale=60.0, source=CLIP, languages=("zh",))
    path = texts_npz(tmp_path / "t.npz", ["a dog"], units(1))
    async with open_desk(tmp_path / "home") as desk:
        await desk.cache.write(put_encoder, known)
        await desk.bring_in(ImportRequest(encoder_id=CLIP, texts=path))
        assert await desk.cache.read(encoders) == [known]


async def test_a_query_asked_before_becomes_an_imported_text(tmp_path: Path) -> None:
    words = units(2)
    path = texts_npz(tmp_path / "t.npz", ["a dog"], words[:1])
    record = EncoderRecord(id=CLIP, dim=8, logit_scale=100.0, source="")
    asked = TextRecord(text="a dog", vector=words[1], tokens=3, lost="", imported=False)
    async with open_desk(tmp_path / "home") as desk:
        await desk.cache.write(put_encoder, record)
        await desk.cache.write(put_texts, CLIP, [asked])
        await desk.bring_in(ImportRequest(encoder_id=CLIP, texts=path))
        found = (await desk.cache.read(get_texts, CLIP, ["a dog"]))["a dog"]
        assert found.imported
        np.testing.assert_array_equal(found.vector, words[0])


async def test_progress_reaches_the_total_of_every_stage(tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for number in range(5):
        save_picture(root / f"{number}.png", f"#{number}0{number}0{number}0")
    names = [f"{number}.png" for number in range(8)]
    request = ImportRequest(
        encoder_id=CLIP,
        pictures=pictures_npz(tmp_path / "p.npz", names, units(8)),
        texts=texts_npz(tmp_path / "t.npz", ["a", "b"], units(2)),
        root=root,
    )
    async with open_desk(tmp_path / "home") as desk:
        await desk.bring_in(request)
        last = {
            event.stage: (event.done, event.total)
            for event in desk.events
            if isinstance(event, JobProgress)
        }
        assert last["importing texts"] == (2, 2)
        assert last["importing vectors"] == (8, 8)
        assert last["reading pictures"] == (5, 5)
        added = [event.added for event in desk.events if isinstance(event, LibraryChanged)]
        assert sum(added) == 8


async def test_an_import_cancelled_halfway_is_completed_by_the_next(tmp_path: Path) -> None:
    root, home = tmp_path / "pictures", tmp_path / "home"
    names = [f"{number}.png" for number in range(200)]
    for number, name in enumerate(names):
        save_picture(root / name, f"#{number:06x}")
    request = ImportRequest(
        encoder_id=CLIP, pictures=pictures_npz(tmp_path / "p.npz", names, units(200)), root=root
    )
    async with open_desk(home) as desk:
        jobs = Jobs(desk.cache)
        await jobs.recover()
        begun = asyncio.Event()
        jobs.subscribe(
            lambda event: (
                begun.set() if isinstance(event, LibraryChanged) and not event.added else None
            )
        )
        job = jobs.start(Exchange(desk.cache, EngineSettings(home=home)).import_job(request))
        await asyncio.wait_for(begun.wait(), 60)
        job.cancel()
        outcome = await job.wait()
        assert isinstance(outcome, JobCancelled)
        assert outcome.seconds < 5
        await jobs.aclose()
        held = await desk.cache.read(counts)
        assert 0 < held.present < 200
        assert held.embedded == {CLIP: 200}

        await desk.bring_in(request)
        held = await desk.cache.read(counts)
        assert (held.pictures, held.present, held.named) == (200, 200, 0)
        assert len(await desk.vectors_by_path()) == 200
