"""The shape of the house, held by reading the tree: who may import whom, who owns a package, how long modules are."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("vision", "indexes", "service", "training")

MAY_IMPORT = {
    "vision": {"vision"},
    "indexes": {"indexes", "vision"},
    "service": {"service", "indexes", "vision"},
    "training": {"training", "indexes", "vision"},
}

_ENGINES = ("vision.embedders", "training")
# Third-party package → the modules (or packages) that may import it. What is not listed is free.
FENCES = {
    **dict.fromkeys(("torch", "torchvision", "open_clip", "timm", "onnxruntime", "openvino"), _ENGINES),
    "faiss": ("indexes.centres", "indexes.inverted"),
    **dict.fromkeys(("fastapi", "pydantic", "starlette", "uvicorn", "jinja2"), ("service",)),
    **dict.fromkeys(("cv2", "PIL", "simplejpeg"), ("vision", "training")),
    "alembic": ("service.migrations",),
}
# SQL stands only in modules that own a table, and where the schema as a whole is handled.
SQL_WITHOUT_A_TABLE = {"indexes.database", "service.migrations"}

LONGEST = 400
"""Lines. Most modules stay far below; one that does not lacks a concept."""


def modules() -> dict[str, Path]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in MODULES.items()}


def imports(name: str) -> Iterator[str]:
    """Absolute names a module imports, wherever in it the import stands."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively; name the package"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def inside(name: str, allowed: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(place + ".") for place in allowed)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_one_way(package):
    wrong = [
        f"{name} imports {target}"
        for name in MODULES
        if name.split(".")[0] == package
        for target in imports(name)
        if (top := target.split(".")[0]) in PACKAGES and top not in MAY_IMPORT[package]
    ]
    assert wrong == []


@pytest.mark.parametrize("library", FENCES)
def test_third_parties_stay_behind_their_fence(library):
    wrong = {
        name
        for name in MODULES
        for target in imports(name)
        if target.split(".")[0] == library and not inside(name, FENCES[library])
    }
    assert wrong == set()


def owns_a_table(name: str) -> bool:
    """The module, or one it shares a package or a table's name with, declares a table."""
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "Table"
        for node in ast.walk(TREES[name])
    )


def only_hands_a_transaction_on(name: str) -> bool:
    """The module names `sa.Connection` and nothing else of SQLAlchemy: it takes part in somebody's transaction."""
    used = {
        node.attr for node in ast.walk(TREES[name]) if isinstance(node, ast.Attribute) and is_sqlalchemy(node.value)
    }
    return used == {"Connection"}


def is_sqlalchemy(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "sa"


def test_sql_stands_with_the_tables():
    owners = {name for name in MODULES if owns_a_table(name)}
    wrong = []
    for name in MODULES:
        if not any(target.split(".")[0] == "sqlalchemy" for target in imports(name)):
            continue
        reads_tables_of_an_owner = any(target in owners for target in imports(name))
        if name in owners or inside(name, tuple(SQL_WITHOUT_A_TABLE)) or reads_tables_of_an_owner:
            continue
        if only_hands_a_transaction_on(name):
            continue
        wrong.append(name)
    assert wrong == []


def test_every_package_is_ours():
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        assert Path(spec.origin).resolve() == ROOT / package / "__init__.py", f"{package} is shadowed by {spec.origin}"


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("vision", {"torch", "torchvision", "open_clip", "timm", "faiss", "sqlalchemy", "fastapi"}),
        ("vision.embedders", {"torch", "torchvision", "open_clip", "timm"}),
        ("indexes", {"torch", "open_clip", "timm", "fastapi"}),
        ("service.cli", {"torch", "open_clip", "timm"}),
        ("service.serve", {"torch", "open_clip", "timm", "openvino"}),
    ],
)
def test_importing_a_package_stays_light(package, forbidden):
    code = f"import sys, {package}; print(' '.join(sorted({forbidden!r} & set(sys.modules))))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_is_for(name):
    docstring = ast.get_docstring(TREES[name])
    assert docstring, f"{name} has no docstring"


def test_no_module_outgrows_its_concept():
    written = {name: path for name, path in MODULES.items() if not name.startswith("service.migrations.versions.")}
    sizes = {name: len(path.read_text().splitlines()) for name, path in written.items()}
    assert {name: size for name, size in sizes.items() if size > LONGEST} == {}


def test_nothing_works_at_import_or_unpickles():
    wrong = []
    for name in MODULES:
        if {"pickle", "dill", "cloudpickle", "shelve", "marshal"} & {target.split(".")[0] for target in imports(name)}:
            wrong.append(f"{name} imports a pickler")
        if {"utils", "helpers", "common", "manager"} & set(name.split(".")):
            wrong.append(f"{name} has a name that says nothing")
    assert wrong == []
