"""Ray stays where it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import engine

ROOT = Path(engine.__file__).parents[1]
PLACE = "engine/cluster/connection.py"


def imports_ray(tree: ast.AST) -> bool:
    """Whether a module names Ray as something to import, in whichever way."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [str(each.value) for each in node.args if isinstance(each, ast.Constant)]
        if any(name == "ray" or name.startswith("ray.") for name in names):
            return True
    return False


def test_ray_is_imported_in_one_place() -> None:
    found = {
        path.relative_to(ROOT).as_posix()
        for package in ("cache", "engine", "t2itui")
        for path in (ROOT / package).rglob("*.py")
        if imports_ray(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == {PLACE}


def test_what_the_program_knows_of_clusters_brings_no_ray() -> None:
    code = (
        "import sys, engine.cluster.host, engine.cluster.library_parts, engine.search.searcher;"
        " sys.exit(any(name.partition('.')[0] == 'ray' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
