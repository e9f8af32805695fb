"""A full disk: told plainly, nothing lost, and it goes on once there is room."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database

from cache.connection import quick_check
from cache.errors import CacheFullError
from cache.library import counts
from cache.store import Cache
from tests.cache.full_disk import add_batch

REPOSITORY = Path(__file__).parents[2]


async def test_the_batch_that_does_not_fit_leaves_nothing(cache: Cache) -> None:
    def limit(db: Database) -> None:
        pages = db.execute("pragma page_count").fetchone()[0]
        db.execute(f"pragma max_page_count = {pages + 5}")

    await cache.write(add_batch, 0)
    await cache.write(limit)
    with pytest.raises(CacheFullError, match="No room left") as caught:
        await cache.write(add_batch, 1)
    assert "Free some space" in caught.value.hint
    assert (await cache.read(counts)).pictures == 10
    await cache.write(lambda db: db.execute("pragma max_page_count = 1000000"))
    await cache.write(add_batch, 1)
    assert (await cache.read(counts)).pictures == 20
    assert await cache.read(quick_check) == ""


@pytest.mark.parametrize("size", ["1600k", "3m"])
def test_a_disk_that_fills_keeps_what_was_committed_and_goes_on(tmp_path: Path, size: str) -> None:
    mount = f"mount -t tmpfs -o size={size} none {tmp_path}"
    own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*own, mount], capture_output=True).returncode:
        pytest.skip("this system does not let us mount a small file system")
    result = subprocess.run(
        [*own, f"{mount} && exec {sys.executable} -m tests.cache.full_disk {tmp_path}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(result.stdout)
    committed = found["committed"]
    assert committed > 0
    assert (found["error"], found["after"]) == ("CacheFullError", committed)
    assert "No room left on the disk" in found["message"]
    assert found["full"] in (
        [committed, "CacheFullError", ""],
        [committed, "CacheReadOnlyError", ""],
    )
    assert found["freed"] == [committed + 10, "", ""]
