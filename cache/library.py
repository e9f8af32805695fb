"""The library's revision: one more whenever an answer computed before may be out of date."""

from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from cache import disk
from cache.collections import collection_ids
from cache.embeddings import count_embeddings, encoders


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryCounts:
    """How much the cache holds."""

    pictures: int
    present: int
    """Pictures that a file holds now."""
    vanished: int
    """Pictures whose files a scan did not find any more."""
    partial: int
    synthetic: int
    failures: int
    embedded: dict[str, int]
    """Pictures with an embedding, by encoder id."""
    bytes_on_disk: int
    """Size of the cache itself."""
    named: int = 0
    """Pictures known only by the name they were imported under."""
    built_in: int = 0
    """Pictures of the built-in collection that no other folder holds."""

    @property
    def own(self) -> int:
        """Pictures that are not of the built-in collection."""
        return self.pictures - self.built_in


_COUNTS = """
select count(*),
    count(case when present then 1 end),
    count(case when not present and sha256 is not null and known then 1 end),
    count(case when partial then 1 end),
    count(case when synthetic then 1 end),
    count(case when sha256 is null then 1 end)
from (
    select sha256, partial, synthetic,
        exists (select 1 from files f where f.picture_id = p.id) as known,
        exists (select 1 from files f where f.picture_id = p.id and f.present = 1) as present
    from pictures p
)
"""


def counts(db: Database) -> LibraryCounts:
    """Count pictures, failures and embeddings."""
    row = db.execute(_COUNTS).fetchone()
    failures = db.execute("select count(*) from failures").fetchone()[0]
    return LibraryCounts(
        pictures=row[0],
        present=row[1],
        vanished=row[2],
        partial=row[3],
        synthetic=row[4],
        named=row[5],
        built_in=len(collection_ids(db)),
        failures=failures,
        embedded={space.id: count_embeddings(db, space.id) for space in encoders(db)},
        bytes_on_disk=_bytes_on_disk(db),
    )


def _bytes_on_disk(db: Database) -> int:
    """The file with its write-ahead log; what the pages would take for one in memory."""
    name = db.execute("select file from pragma_database_list where name = 'main'").fetchone()[0]
    if not name:
        pages, size = (db.execute(f"pragma {key}").fetchone()[0] for key in _PAGES)
        return int(pages * size)
    parts = (Path(name), Path(f"{name}-wal"))
    return sum(part.stat().st_size for part in parts if disk.exists(part))


_PAGES = ("page_count", "page_size")
