"""Two decisions have the same name if, and only if, all that they depend on is the same."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from engine.generation.recipe import digest
from engine.models.parameters import GenerationParameters
from engine.requests import Filters
from engine.search.receipts import ReceiptKey, receipt_id
from engine.states import Synthetic

FILTERS = st.builds(
    Filters,
    folders=st.lists(st.sampled_from([Path("/a"), Path("/a/b"), Path("/é")]), max_size=2).map(
        tuple
    ),
    since=st.none() | st.floats(1, 2e9),
    min_side=st.integers(0, 3),
    synthetic=st.sampled_from(Synthetic),
)
SHORT = st.text('ab"\\,:[]{}', max_size=3)
KEYS = st.builds(
    ReceiptKey,
    query=SHORT,
    pictures=st.lists(SHORT, max_size=2).map(tuple),
    encoder=SHORT,
    match=SHORT,
    filters=FILTERS,
    revision=st.integers(0, 2),
)
DECISIONS = st.tuples(KEYS, SHORT, st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 2))
PARAMETERS = st.builds(
    GenerationParameters,
    model_id=SHORT,
    prompt=SHORT,
    negative=SHORT,
    steps=st.integers(1, 2),
    guidance=st.sampled_from([1.0, 7.5]),
    width=st.sampled_from([64, 96]),
    height=st.sampled_from([64, 96]),
    scheduler=st.sampled_from(["ddim", "dpm++"]),
    loras=st.just(()),
    start_picture=st.none(),
    strength=st.just(0.5),
)


def name(decision: tuple[ReceiptKey, str, float, int]) -> str:
    key, scorer, threshold, top = decision
    return receipt_id(key, scorer=scorer, threshold=threshold, top=top)


@given(DECISIONS, DECISIONS)
def test_receipts_are_named_by_all_that_they_depend_on(
    one: tuple[ReceiptKey, str, float, int], other: tuple[ReceiptKey, str, float, int]
) -> None:
    assert (name(one) == name(other)) == (one == other)
    assert name(one) == name((replace(one[0]), *one[1:]))


@given(KEYS, SHORT)
def test_any_other_field_gives_another_name(key: ReceiptKey, more: str) -> None:
    own = name((key, "match", 0.5, 20))
    for changed in (
        replace(key, query=f"{key.query}{more}x"),
        replace(key, pictures=(*key.pictures, more)),
        replace(key, encoder=f"{key.encoder}{more}x"),
        replace(key, match=f"{key.match}{more}x"),
        replace(key, revision=key.revision + 1),
        replace(key, filters=replace(key.filters, min_side=key.filters.min_side + 1)),
    ):
        assert name((changed, "match", 0.5, 20)) != own


@given(PARAMETERS, PARAMETERS, SHORT, SHORT)
def test_generations_are_found_by_all_that_decides_them(
    one: GenerationParameters, other: GenerationParameters, library: str, second: str
) -> None:
    same = digest(one, library).request_key == digest(other, second).request_key
    assert same == ((one, library) == (other, second))
