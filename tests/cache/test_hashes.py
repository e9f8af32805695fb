"""Content hashes in short form."""

from dataclasses import replace

import numpy as np
from sqlite_utils import Database

from cache.embeddings import embedded_hashes, short_hash
from cache.pictures import add_names, add_picture
from tests.cache.rows import CLIP, OTHER, embed, new_picture


def test_a_short_hash_is_the_first_64_bits_with_their_sign() -> None:
    assert short_hash("00000000000000ff" + "a" * 48) == 255
    assert short_hash("ffffffffffffffff" + "0" * 48) == -1
    assert short_hash("80" + "0" * 62) == -(2**63)


def test_embedded_hashes_are_those_of_one_encoder_sorted(db: Database) -> None:
    firsts = ["9000000000000000", "0000000000000009", "5000000000000000", "0000000000000001"]
    pictures = [
        replace(new_picture(number), sha256=first + "0" * 48) for number, first in enumerate(firsts)
    ]
    ids = [add_picture(db, picture) for picture in pictures]
    embed(db, CLIP, [*ids[:3], add_names(db, ["/named.jpg"])[0]])
    embed(db, OTHER, ids[3:])
    found = embedded_hashes(db, CLIP.id)
    assert found.dtype == np.int64
    assert found.tolist() == [short_hash(firsts[index]) for index in (0, 1, 2)]
