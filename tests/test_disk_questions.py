"""Paths and numbers from outside are asked about in one place each, which does not raise."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("cache", "engine", "t2itui")

RAISING = {
    *("is_file", "is_dir", "exists", "is_symlink", "is_mount", "samefile"),
    *("glob", "rglob", "iterdir", "expanduser"),
}
"""Methods of paths that raise, before Python 3.14, where the system refuses to answer."""
RAISING_ALONE = {"absolute", "resolve", "cwd", "home"}
"""Those whose names others have, too, which take arguments."""

MAY_ASK = {
    # The place itself.
    "cache/disk.py",
    # Entries of a folder that is being walked, inside of what catches OSError.
    "engine/library/folders.py",
    "t2itui/widgets/path_input.py",
    # The home folder itself: what the system says of it becomes an error of the cache.
    "cache/connection.py",
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))


def calls(tree: ast.Module) -> Iterator[tuple[ast.Call, ast.expr, str]]:
    """The calls of methods: the call, what it is a method of, and its name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node, node.func.value, node.func.attr


def raw_questions(tree: ast.Module) -> list[int]:
    """The lines where a path is asked that may raise."""
    return [
        call.lineno
        for call, owner, name in calls(tree)
        if not (isinstance(owner, ast.Name) and owner.id == "disk")
        and (name in RAISING or (name in RAISING_ALONE and not call.args))
    ]


def test_only_one_module_asks_the_file_system_what_may_raise() -> None:
    found = {
        f"{name}:{line}"
        for name, tree in sources()
        if name not in MAY_ASK
        for line in raw_questions(tree)
    }
    assert not found, "ask cache/disk.py (engine/disk.py) instead"


def test_the_check_sees_a_raw_question() -> None:
    asked = "Path(a).is_file(); (a / b).resolve(); disk.exists(a); resolver.resolve(request)"
    assert raw_questions(ast.parse(asked)) == [1, 1]


def test_only_one_module_turns_numbers_into_days() -> None:
    found = {
        f"{name}:{call.lineno}"
        for name, tree in sources()
        if name != "cache/numbers.py"
        for call, _, method in calls(tree)
        if method in ("fromtimestamp", "utcfromtimestamp")
    }
    assert not found, "use local_time of cache/numbers.py (engine/numbers.py)"


def test_every_number_of_the_command_line_is_one_that_can_be_stored() -> None:
    found = {
        f"{name}:{keyword.lineno}"
        for name, tree in sources()
        if name.startswith("t2itui/cli/")
        for call, _, _ in calls(tree)
        for keyword in call.keywords
        if keyword.arg == "type"
        and isinstance(keyword.value, ast.Name)
        and keyword.value.id in ("int", "float")
    }
    ranges = {
        f"{name}:{call.lineno}"
        for name, tree in sources()
        if name.startswith("t2itui/cli/")
        for call, owner, method in calls(tree)
        if method in ("IntRange", "FloatRange") and isinstance(owner, ast.Name)
    }
    assert not found | ranges, "use Whole and Finite of t2itui/cli/support/options.py"
