"""The whole of ranking and routing on published CLIP vectors of real photos."""

from tests.e2e.class_words import ABSENT, PRESENT, choose_absent, choose_present
from tests.e2e.real_vectors import load
from tests.shared_data import needs

pytestmark = needs("clip_vitb32")


def test_the_class_words_are_the_ones_that_the_caption_counts_choose() -> None:
    counts = load().counts()
    assert choose_present(counts) == PRESENT
    assert choose_absent(counts) == ABSENT
