"""Which pictures take part in a search."""

import pytest
from sqlite_utils import Database

from cache.pictures import add_names, add_picture, scope
from tests.cache.rows import new_picture, put_picture


def test_without_filters_every_picture_with_a_path_takes_part_in_id_order(db: Database) -> None:
    ids = [put_picture(db, number, f"/{9 - number}.jpg") for number in range(5)]
    named = add_names(db, ["/named.jpg"])[0]
    add_picture(db, new_picture(77))
    assert scope(db).tolist() == [*ids, named]


def test_a_folder_lets_in_what_lies_below_it_and_no_namesake(db: Database) -> None:
    inside = put_picture(db, 1, "/pics/a.jpg")
    deep = put_picture(db, 2, "/pics/x/y/b.jpg")
    put_picture(db, 3, "/pics2/c.jpg")
    put_picture(db, 4, "/pics-old/d.jpg")
    put_picture(db, 5, "/pic/e.jpg")
    assert scope(db, folders=("/pics",)).tolist() == [inside, deep]
    assert scope(db, folders=("/pics/",)).tolist() == [inside, deep]


def test_wildcards_in_a_folder_name_stand_for_themselves(db: Database) -> None:
    percent = put_picture(db, 1, "/100%_/a.jpg")
    put_picture(db, 2, "/1000_x/a.jpg")
    assert scope(db, folders=("/100%_",)).tolist() == [percent]


def test_the_root_folder_lets_in_everything(db: Database) -> None:
    ids = [put_picture(db, 1, "/a.jpg"), put_picture(db, 2, "/é/b.jpg")]
    assert scope(db, folders=("/",)).tolist() == ids


def test_a_picture_takes_part_once_when_any_of_its_paths_is_in_scope(db: Database) -> None:
    twice = put_picture(db, 1, "/a/1.jpg", "/b/1.jpg", "/b/copy.jpg")
    other = put_picture(db, 2, "/a/2.jpg")
    assert scope(db, folders=("/b",)).tolist() == [twice]
    assert scope(db, folders=("/b", "/a")).tolist() == [twice, other]


def test_folder_and_date_have_to_hold_for_the_same_path(db: Database) -> None:
    picture_id = put_picture(db, 1, "/old/1.jpg", mtime=100.0)
    put_picture(db, 1, "/new/1.jpg", mtime=900.0)
    assert scope(db, folders=("/new",), since=500.0).tolist() == [picture_id]
    assert scope(db, folders=("/old",), since=500.0).tolist() == []


@pytest.mark.parametrize(
    ("since", "until", "expected"),
    [
        (200.0, None, [2, 3]),
        (None, 200.0, [1, 2]),
        (200.0, 200.0, [2]),
        (200.5, 299.5, []),
    ],
)
def test_dates_include_both_ends_and_leave_out_what_was_never_seen(
    db: Database, since: float | None, until: float | None, expected: list[int]
) -> None:
    for number in (1, 2, 3):
        assert put_picture(db, number, f"/{number}.jpg", mtime=number * 100.0) == number
    add_names(db, ["/named.jpg"])
    assert scope(db, since=since, until=until).tolist() == expected


def test_the_shorter_edge_decides_about_size(db: Database) -> None:
    small = put_picture(db, 1, "/1.jpg", side=99)
    large = put_picture(db, 2, "/2.jpg", side=100)
    add_names(db, ["/named.jpg"])
    assert scope(db, min_side=100).tolist() == [large]
    assert scope(db, min_side=99).tolist() == [small, large]


def test_painted_pictures_take_part_alone_or_not_at_all_where_that_is_asked(db: Database) -> None:
    own, painted = put_picture(db, 1, "/a.jpg"), put_picture(db, 2, "/b.png")
    db.execute("update pictures set synthetic = 1 where id = ?", [painted])
    assert scope(db).tolist() == [own, painted]
    assert scope(db, synthetic=True).tolist() == [painted]
    assert scope(db, synthetic=False).tolist() == [own]
