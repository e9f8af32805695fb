"""Pictures, from every side: by content, by name, as shown, in scope, counted."""

from collections.abc import Sequence

from sqlite_utils import Database

from cache.contents import add_picture, find_by_sha, put_thumbnail, thumbnails
from cache.library import counts
from cache.names import add_name, add_names, adopt
from cache.records import FileRecord, PictureRecord, ShownPicture
from cache.scopes import scope
from cache.sql import listed

__all__ = [
    "add_name",
    "add_names",
    "add_picture",
    "adopt",
    "counts",
    "find_by_sha",
    "put_thumbnail",
    "scope",
    "show",
    "thumbnails",
]

_SHOWN = """
select p.id, p.sha256, p.width, p.height, p.format, p.partial, p.synthetic,
       f.path, f.size, f.mtime_ns, f.present
from json_each(?) wanted
join pictures p on p.id = wanted.value
left join files f on f.path = (
    select path from files where picture_id = p.id order by present desc, path limit 1
)
order by wanted.key
"""


def show(db: Database, picture_ids: Sequence[int]) -> list[ShownPicture]:
    """What to show of pictures, in the given order; ids that are gone are left out."""
    return [
        ShownPicture(
            picture=PictureRecord(
                id=row[0],
                sha256=row[1],
                width=row[2],
                height=row[3],
                format=row[4],
                partial=bool(row[5]),
                synthetic=bool(row[6]),
            ),
            file=None
            if row[7] is None
            else FileRecord(
                path=row[7], picture_id=row[0], size=row[8], mtime_ns=row[9], present=bool(row[10])
            ),
        )
        for row in db.execute(_SHOWN, [listed(picture_ids)])
    ]
