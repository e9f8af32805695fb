import math
import os
from datetime import datetime
from pathlib import Path

import pytest
from sqlite_utils import Database

from cache import numbers
from cache.connection import translated
from cache.errors import CacheError
from cache.pictures import scope
from tests.cache.rows import CLIP, embed, put_picture


def test_a_file_dated_after_2262_is_stored_with_the_last_moment_that_can_be(
    tmp_path: Path,
) -> None:
    path = tmp_path / "late"
    path.write_bytes(b"abc")
    late = 10_423_000_000
    os.utime(path, (late, late))
    size, mtime_ns = numbers.stamp(path.stat())
    assert (size, mtime_ns) == (3, min(path.stat().st_mtime_ns, numbers.LARGEST))
    assert numbers.storable(late * 10**9) == numbers.LARGEST
    assert numbers.storable(-late * 10**9) == -numbers.LARGEST - 1


def test_a_search_may_ask_for_any_day(db: Database) -> None:
    picture = put_picture(db, 1, "/a.jpg")
    embed(db, CLIP, [picture])
    assert list(scope(db, since=-1e30, until=1e30)) == [picture]


@pytest.mark.parametrize("moment", [1e300, -1e300, math.inf, -math.inf, math.nan, 2**62])
def test_every_moment_has_a_day(moment: float) -> None:
    shown = numbers.local_time(moment)
    assert 1 <= shown.year <= 9999
    assert shown.isoformat()
    assert abs(numbers.nanoseconds(moment)) <= numbers.LARGEST + 1


def test_a_moment_goes_to_its_day_and_back() -> None:
    day = datetime(2025, 6, 1, 12)
    assert numbers.local_time(numbers.unix_time(day)) == day
    assert numbers.unix_time(datetime.min) < numbers.unix_time(datetime.max)


@pytest.mark.parametrize("text", ["", "x", "1.5", "9" * 30, "-" + "9" * 30, "9" * 5000, "inf"])
def test_what_is_no_whole_number_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match=r"no whole number|too large"):
        numbers.whole(text)


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "-inf", "1e999"])
def test_what_is_no_number_to_work_with_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no number"):
        numbers.finite(text)


def test_the_limits_are_named() -> None:
    assert numbers.whole("7", 1, 9) == 7
    with pytest.raises(ValueError, match="1 to 9"):
        numbers.whole("10", 1, 9)
    with pytest.raises(ValueError, match="at least 1"):
        numbers.whole("0", 1)
    with pytest.raises(ValueError, match=r"0\.0 to 1\.0"):
        numbers.finite("2", 0.0, 1.0)


def test_a_number_that_sqlite_cannot_hold_is_an_error_of_the_cache(db: Database) -> None:
    with pytest.raises(CacheError, match="too large"), translated(Path("cache.sqlite3")):
        db.execute("select ?", [2**63])
