"""Earlier decisions are listed, replayed and forgotten without a model."""

import subprocess
import sys

import pytest

from cache.receipts import get_receipt, put_receipt
from cache.store import Cache
from engine.errors import EngineError, RequestError
from engine.requests import SearchRequest
from engine.search.receipts import History
from engine.search.searcher import Searcher

DOG = SearchRequest(query="a dog", offline=True)


async def test_a_replay_is_what_was_answered(searcher: Searcher, cache: Cache) -> None:
    result = await searcher.search(DOG)
    replayed = await History(cache).replay(result.receipt.id)
    assert (replayed.receipt, replayed.rows, replayed.warnings) == (
        result.receipt,
        result.rows,
        result.warnings,
    )
    assert replayed.cached
    assert replayed.scores is None


async def test_the_body_of_a_receipt_never_changes(searcher: Searcher, cache: Cache) -> None:
    receipt = (await searcher.search(DOG)).receipt
    before = await cache.read(get_receipt, receipt.id)
    await searcher.search(DOG)
    await searcher.scored(DOG)
    await History(cache).replay(receipt.id)
    after = await cache.read(get_receipt, receipt.id)
    assert before is not None
    assert after is not None
    assert after.body == before.body
    assert after.uses > before.uses


async def test_entries_come_last_used_first(searcher: Searcher, cache: Cache) -> None:
    for query in ("a dog", "snow", "a dog"):
        await searcher.search(SearchRequest(query=query, offline=True))
    history = History(cache)
    assert [entry.query for entry in await history.entries()] == ["a dog", "snow"]
    assert [entry.query for entry in await history.entries(containing="SNO")] == ["snow"]
    assert [entry.query for entry in await history.entries(1, 1)] == ["snow"]


async def test_a_forgotten_receipt_is_gone(searcher: Searcher, cache: Cache) -> None:
    receipt = (await searcher.search(DOG)).receipt
    history = History(cache)
    await history.forget([receipt.id, "unknown"])
    with pytest.raises(RequestError, match=f"there is no receipt {receipt.id}"):
        await history.replay(receipt.id)


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "{}", '{"receipt": 5}', '{"receipt": {"id": "x"}, "rows": []}', "null"]
)
async def test_a_damaged_receipt_is_an_error_with_a_way_out(
    searcher: Searcher, cache: Cache, body: str
) -> None:
    receipt = (await searcher.search(DOG)).receipt
    record = await cache.read(get_receipt, receipt.id)
    assert record is not None
    history = History(cache)
    await history.forget([receipt.id])
    damaged = type(record)(
        **{name: getattr(record, name) for name in record.__dataclass_fields__} | {"body": body}
    )
    await cache.write(put_receipt, damaged)
    with pytest.raises(EngineError, match="cannot be read") as caught:
        await history.replay(receipt.id)
    assert receipt.id in caught.value.hint
    assert await history.entries() == []
    with pytest.raises(EngineError, match="cannot be read"):
        await searcher.search(DOG)


def test_neither_replay_nor_search_imports_a_model_library() -> None:
    code = "import sys, engine.search.receipts, engine.search.searcher; print(*sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "diffusers", "textual"} & set(found)
