"""Receipts: kept byte for byte, listed by use."""

from dataclasses import replace

from sqlite_utils import Database

from cache.receipts import (
    ReceiptRecord,
    SequelRecord,
    delete_receipts,
    get_receipt,
    list_receipts,
    put_receipt,
    put_sequel,
    touch_receipt,
)
from cache.sql import revision

DOG = ReceiptRecord(
    id="0123456789ab",
    query="A brown dog",
    encoder_id="clip",
    route="retrieve",
    created_at=10.0,
    used_at=10.0,
    uses=1,
    body='{"query":"A brown dog","emoji":"🐶"}',
)


def receipt(number: int, query: str, used_at: float) -> ReceiptRecord:
    return replace(DOG, id=f"{number:012}", query=query, used_at=used_at)


def test_a_receipt_comes_back_byte_for_byte(db: Database) -> None:
    put_receipt(db, DOG)
    assert get_receipt(db, DOG.id) == DOG
    assert get_receipt(db, "unknown") is None


def test_the_first_body_stays_and_a_second_use_is_counted(db: Database) -> None:
    put_receipt(db, DOG)
    put_receipt(db, replace(DOG, body="{}", created_at=50.0, used_at=50.0))
    assert get_receipt(db, DOG.id) == replace(DOG, used_at=50.0, uses=2)
    touch_receipt(db, DOG.id, 60.0)
    assert get_receipt(db, DOG.id) == replace(DOG, used_at=60.0, uses=3)


def test_receipts_are_listed_by_last_use_in_pages(db: Database) -> None:
    for number, used_at in enumerate([3.0, 1.0, 4.0, 2.0]):
        put_receipt(db, receipt(number, "q", used_at))
    listed = [record.used_at for record in list_receipts(db, limit=10)]
    assert listed == [4.0, 3.0, 2.0, 1.0]
    assert [record.used_at for record in list_receipts(db, limit=2, offset=1)] == [3.0, 2.0]


def test_receipts_are_found_by_part_of_their_query(db: Database) -> None:
    for number, query in enumerate(["A brown DOG", "100% cat_fur", "一只狗", "dogma"]):
        put_receipt(db, receipt(number, query, float(number)))

    def found(text: str) -> list[str]:
        return [record.query for record in list_receipts(db, limit=10, containing=text)]

    assert found("dog") == ["dogma", "A brown DOG"]
    assert found("只") == ["一只狗"]
    assert found("%") == ["100% cat_fur"]
    assert found("t_f") == ["100% cat_fur"]
    assert found("tXf") == []
    assert len(found("")) == 4


def test_forgotten_receipts_are_gone_and_the_library_is_as_before(db: Database) -> None:
    for number in range(3):
        put_receipt(db, receipt(number, "q", float(number)))
    before = revision(db)
    delete_receipts(db, [f"{0:012}", f"{2:012}", "unknown"])
    assert [record.id for record in list_receipts(db, limit=10)] == [f"{1:012}"]
    assert revision(db) == before


def test_what_came_of_a_decision_is_noted_beside_it_bit_by_bit(db: Database) -> None:
    put_receipt(db, DOG)
    put_sequel(db, DOG.id, SequelRecord(override="generate", job_id=4))
    put_sequel(db, DOG.id, SequelRecord(result="ab" * 32))
    expected = replace(DOG, sequel=SequelRecord(override="generate", job_id=4, result="ab" * 32))
    assert get_receipt(db, DOG.id) == expected
    assert list_receipts(db, limit=10) == [expected]


def test_what_came_of_a_decision_goes_with_it(db: Database) -> None:
    put_sequel(db, DOG.id, SequelRecord(job_id=4))
    put_receipt(db, DOG)
    assert get_receipt(db, DOG.id) == DOG
    put_sequel(db, DOG.id, SequelRecord(job_id=4))
    delete_receipts(db, [DOG.id])
    put_receipt(db, DOG)
    assert get_receipt(db, DOG.id) == DOG
