"""Short hashes of embedded pictures."""

import numpy as np

from cache.embeddings import add_embeddings, put_encoder
from cache.hashes import embedded_hashes, short_hash
from cache.names import add_name
from cache.pictures import add_picture
from cache.records import EncoderRecord, NewPicture
from cache.store import open_database


def test_a_short_hash_is_the_first_eight_bytes() -> None:
    assert short_hash("00000000000000ff" + "aa" * 24) == 255
    assert short_hash("ff" * 32) == -1


def test_only_pictures_with_content_and_an_embedding_of_the_encoder_are_listed() -> None:
    db = open_database(":memory:")
    hashes = [f"{value:02x}" * 32 for value in (0x80, 0x01, 0x40)]
    ids = [
        add_picture(
            db,
            NewPicture(
                sha256=sha, width=1, height=1, format="png", partial=False, thumbnail=b"data"
            ),
        )
        for sha in hashes
    ]
    named = add_name(db, "/somewhere/a.jpg")
    for encoder_id in ("one", "two"):
        put_encoder(db, EncoderRecord(id=encoder_id, dim=2, logit_scale=100.0, source=""))
    add_embeddings(db, "one", [ids[0], ids[1], named], np.ones((3, 2), np.float32))
    add_embeddings(db, "two", [ids[2]], np.ones((1, 2), np.float32))
    found = embedded_hashes(db, "one")
    assert found.tolist() == sorted(short_hash(sha) for sha in hashes[:2])
    assert embedded_hashes(db, "three").tolist() == []
