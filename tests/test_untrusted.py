"""What comes from outside is read in one place: `engine/untrusted`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READERS = {
    "json": {"load", "loads"},
    "numpy": {"load", "fromfile", "loadtxt", "genfromtxt", "memmap"},
    "zipfile": {"ZipFile", "is_zipfile", "Path"},
    "safetensors": {"safe_open", "deserialize"},
    "safetensors.numpy": {"load", "load_file"},
    "safetensors.torch": {"load", "load_file", "load_model"},
    "torch": {"load"},
    "pickle": {"load", "loads", "Unpickler"},
    "tomllib": {"load", "loads"},
}
"""What reads a whole format, by module."""
ALLOWED = {
    "cache/embeddings.py": "languages, which the program wrote into its cache",
    "engine/library/collections.py": "the tensors that ship",
    "engine/library/vector_files.py": "an archive is written",
    "engine/models/messages.py": "messages of the program's own processes, of at most 64 MB",
    "engine/storybook/gallery.py": "the records that ship",
    "engine/workers/held_matrix.py": "vectors that the program wrote for this process",
    "engine/workers/pipelines.py": "weights, whose header was held against the file before",
    "engine/workers/training_run.py": "the checkpoint that a training wrote",
    "t2itui/settings.py": "the person's own settings",
}


def sources() -> Iterator[Path]:
    for package in ("cache", "engine", "t2itui"):
        yield from sorted((ROOT / package).rglob("*.py"))


def raw_readers(tree: ast.AST) -> set[str]:
    """The readers of READERS that a module names, however it imports them."""
    names: dict[str, str] = {}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.asname:
                    names[each.asname] = each.name
                else:
                    names[each.name.partition(".")[0]] = each.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module:
            for each in node.names:
                names[each.asname or each.name] = f"{node.module}.{each.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, *rest = ast.unparse(node).split(".")
            module, _, name = ".".join([names.get(first, first), *rest]).rpartition(".")
            if name in READERS.get(module, ()):
                found.add(f"{module}.{name}")
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_one_place_reads_raw(path: Path) -> None:
    where = path.relative_to(ROOT).as_posix()
    found = raw_readers(ast.parse(path.read_text(encoding="utf-8")))
    if where.startswith("engine/untrusted/"):
        return
    if where in ALLOWED:
        assert found, f"{where} reads nothing raw any more: take it from the list"
    else:
        assert not found, f"{where} reads {', '.join(sorted(found))}: engine/untrusted has limits"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import json\njson.loads(x)", {"json.loads"}),
        ("import json as j\nf = j.load", {"json.load"}),
        ("from json import loads as read\nread(x)", {"json.loads"}),
        ("import numpy as np\nnp.load(x)", {"numpy.load"}),
        ("import safetensors.numpy\nsafetensors.numpy.load(x)", {"safetensors.numpy.load"}),
        ("from zipfile import ZipFile\nZipFile(x)", {"zipfile.ZipFile"}),
        ("def f():\n    import json\n    return json.loads", {"json.loads"}),
        ("import json\njson.dumps(x)", set()),
    ],
)
def test_a_raw_reader_is_seen_under_any_name(source: str, found: set[str]) -> None:
    assert raw_readers(ast.parse(source)) == found
