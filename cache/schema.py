"""The schema, step by step; a released step is never edited, only followed by another."""

from sqlite_utils import Database, Migrations

migrations = Migrations("t2itui.cache")

SCHEMA_VERSION = 12

COLLECTION = "storybook"
"""The built-in collection: the table with what is known of it, and what generated pictures that
joined it say they are for."""
"""Written to `user_version`; one more for every step below."""

_LIBRARY = (
    """
    create table pictures (
        id integer primary key,
        sha256 text unique,
        width integer not null,
        height integer not null,
        format text not null,
        partial integer not null default 0,
        synthetic integer not null default 0,
        added_at real not null
    )
    """,
    """
    create table files (
        path text primary key,
        picture_id integer not null references pictures (id),
        size integer not null,
        mtime_ns integer not null,
        present integer not null default 1
    ) without rowid
    """,
    "create index files_by_picture on files (picture_id)",
    """
    create table folders (
        path text primary key,
        scanned_at real not null default 0
    ) without rowid
    """,
    """
    create table thumbnails (
        picture_id integer primary key references pictures (id),
        data blob not null
    )
    """,
    """
    create table failures (
        path text primary key,
        size integer not null,
        mtime_ns integer not null,
        reason text not null,
        failed_at real not null
    ) without rowid
    """,
)

_VECTORS = (
    """
    create table encoders (
        id text primary key,
        dim integer not null,
        logit_scale real not null,
        source text not null,
        languages text not null
    ) without rowid
    """,
    """
    create table blocks (
        id integer primary key,
        encoder_id text not null references encoders (id),
        vectors blob not null
    )
    """,
    "create index blocks_by_encoder on blocks (encoder_id)",
    """
    create table embeddings (
        encoder_id text not null,
        picture_id integer not null references pictures (id),
        block_id integer not null references blocks (id),
        row integer not null,
        primary key (picture_id, encoder_id)
    ) without rowid
    """,
    "create unique index embeddings_by_block on embeddings (block_id, row)",
    """
    create table texts (
        encoder_id text not null references encoders (id),
        text text not null,
        vector blob not null,
        tokens integer not null,
        lost text not null,
        imported integer not null,
        primary key (encoder_id, text)
    ) without rowid
    """,
    """
    create table matchers (
        id integer primary key,
        encoder_id text not null references encoders (id),
        created_at real not null,
        weights blob not null,
        report text not null
    )
    """,
    "create index matchers_by_encoder on matchers (encoder_id)",
)

_DECISIONS = (
    """
    create table receipts (
        id text primary key,
        query text not null,
        encoder_id text not null,
        route text not null,
        created_at real not null,
        used_at real not null,
        uses integer not null default 1,
        body text not null
    )
    """,
    "create index receipts_by_use on receipts (used_at)",
    """
    create table jobs (
        id integer primary key,
        kind text not null,
        title text not null,
        state text not null,
        created_at real not null,
        updated_at real not null,
        process text not null,
        request text not null,
        message text not null default ''
    )
    """,
    """
    create table counters (
        name text primary key,
        value integer not null
    ) without rowid
    """,
)

_GENERATED = (
    """
    create table generated (
        id integer primary key,
        request_key text not null,
        model_id text not null,
        prompt text not null,
        recipe text not null,
        seed integer not null,
        verdict text not null,
        library text not null,
        picture_id integer references pictures (id),
        job_id integer not null,
        receipt_id text,
        encoder_id text not null default '',
        matcher text not null default '',
        cosine real,
        match real,
        seconds real not null,
        created_at real not null
    )
    """,
    "create index generated_by_request on generated (request_key, seed)",
    "create index generated_by_picture on generated (picture_id)",
    """
    create table sequels (
        receipt_id text primary key references receipts (id) on delete cascade,
        override text,
        job_id integer,
        result text
    ) without rowid
    """,
)
_COLLECTION = f"""
create table {COLLECTION} (
    id integer primary key check (id = 1),
    folder text not null,
    version text not null,
    encoder_id text not null,
    matcher_id integer not null
)
"""

_EVALUATIONS = """
create table evaluations (
    id integer primary key autoincrement,
    created_at real not null,
    data text not null,
    encoder_id text not null,
    body text not null
)
"""

_LABELS = (
    """
    create table labels (
        encoder_id text not null references encoders (id) on delete cascade,
        text text not null,
        picture_id integer not null references pictures (id) on delete cascade,
        fits integer not null,
        created_at real not null,
        primary key (encoder_id, text, picture_id)
    ) without rowid
    """,
    "create index labels_by_picture on labels (picture_id)",
    """
    create table calibrations (
        id integer primary key autoincrement,
        encoder_id text not null references encoders (id) on delete cascade,
        scorer text not null,
        scale real not null,
        shift real not null,
        labels integer not null,
        unique (encoder_id, scorer)
    )
    """,
)


_ZEROS = """
create table zeros (
    id integer primary key autoincrement,
    key text not null unique,
    body text not null
)
"""


_STATES = (
    """
    create table picture_states (
        encoder_id text not null references encoders (id) on delete cascade,
        picture_id integer not null references pictures (id) on delete cascade,
        way text not null,
        rows integer not null,
        columns integer not null,
        bytes integer not null,
        used_at real not null,
        vectors blob not null,
        unique (picture_id, encoder_id)
    )
    """,
    "create index picture_states_by_use on picture_states (used_at, bytes)",
    """
    create table text_states (
        encoder_id text not null references encoders (id) on delete cascade,
        text text not null,
        way text not null,
        spans blob not null,
        used_at real not null,
        vectors blob not null,
        unique (encoder_id, text)
    )
    """,
    "create index text_states_by_use on text_states (used_at)",
)

_MATCHER_PICTURES = """
create table matcher_pictures (
    matcher_id integer not null references matchers (id) on delete cascade,
    picture_id integer not null references pictures (id) on delete cascade,
    vector blob not null,
    primary key (matcher_id, picture_id)
) without rowid
"""

_SHEETS = (
    """
    create table sheets (
        id integer primary key autoincrement,
        created_at real not null,
        used_at real not null,
        title text not null,
        request text not null unique,
        size integer not null
    )
    """,
    """
    create table sheet_cells (
        sheet_id integer not null references sheets (id) on delete cascade,
        number integer not null,
        generated_id integer not null references generated (id) on delete cascade,
        primary key (sheet_id, number)
    ) without rowid
    """,
    "create index sheet_cells_by_generated on sheet_cells (generated_id)",
)

_ATTACHED = (
    """
    create table attached (
        id integer primary key,
        folder text not null unique,
        encoder_id text not null references encoders (id) on delete cascade,
        attached_at real not null
    )
    """,
    """
    create table attached_shards (
        attached_id integer not null references attached (id) on delete cascade,
        number integer not null,
        block_id integer unique references blocks (id) on delete set null,
        rows integer not null,
        size integer not null,
        mtime_ns integer not null,
        vectors_at integer not null,
        thumbnails_at integer not null,
        starts_at integer not null,
        primary key (attached_id, number)
    ) without rowid
    """,
    "alter table files add column attached_id integer references attached (id) on delete set null",
    "create index files_by_attached on files (attached_id) where attached_id is not null",
)


FIRST_TABLES = (
    *("pictures", "files", "folders", "thumbnails", "failures"),
    *("encoders", "blocks", "embeddings", "texts", "matchers", "receipts", "jobs"),
)
"""What a cache of any version has: a file without them is not whole, or not one of ours."""


@migrations()
def m001_library(db: Database) -> None:
    """Pictures, the files that hold them, what encoders say of them, and decisions made."""
    for statement in _LIBRARY + _VECTORS + _DECISIONS:
        db.execute(statement)


@migrations()
def m002_generated(db: Database) -> None:
    """Generated pictures with their recipes, and what came of a decision."""
    for statement in _GENERATED:
        db.execute(statement)


@migrations()
def m003_storybook(db: Database) -> None:
    """What is known of the built-in collection; no row while nobody decided about it."""
    db.execute(_COLLECTION)


@migrations()
def m004_evaluations(db: Database) -> None:
    """Evaluations made before."""
    db.execute(_EVALUATIONS)


@migrations()
def m005_labels(db: Database) -> None:
    """What a person said of pictures, and what that did to `match`."""
    for statement in _LABELS:
        db.execute(statement)


@migrations()
def m006_zeros(db: Database) -> None:
    """What background texts reach in a library.

    Calibrations were fitted to logits that were not placed by it; labels stay, and the next one
    fits them anew.
    """
    db.execute(_ZEROS)
    db.execute("delete from calibrations")


@migrations()
def m007_failures(db: Database) -> None:
    """Who failed where a file could not be read; of earlier failures nobody knows: tried again."""
    for column in (
        "cause text not null default 'file'",
        "blamed text not null default ''",
        "attempts integer not null default 1",
    ):
        db.execute(f"alter table failures add column {column}")


@migrations()
def m008_states(db: Database) -> None:
    """What encoders make of patches and tokens, for what was looked at."""
    for statement in _STATES:
        db.execute(statement)


@migrations()
def m009_sheets(db: Database) -> None:
    """Sheets of prompts, whose cells are generated pictures."""
    for statement in _SHEETS:
        db.execute(statement)


@migrations()
def m010_matcher_pictures(db: Database) -> None:
    """What matchers that read patches made of pictures."""
    db.execute(_MATCHER_PICTURES)


@migrations()
def m011_attached(db: Database) -> None:
    """Folders of shards whose embeddings and thumbnails stay where they lie."""
    for statement in _ATTACHED:
        db.execute(statement)


@migrations()
def m012_before(db: Database) -> None:
    """How the pictures that others started from fit the prompts of these."""
    for column in ("before_cosine real", "before_match real"):
        db.execute(f"alter table generated add column {column}")
