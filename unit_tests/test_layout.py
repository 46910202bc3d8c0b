"""Which module may import which: the floors of the package, read from the source, and what else keeps them apart."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "source_stock_ticker"

# From the roof to the ground. A module imports only from the floors below its own, so there is no circle.
# A new module needs its place here.
FLOORS = [
    {"main"},
    {"source_stock_ticker"},
    {"source"},
    {"prices", "streams"},
    {"coverage"},
    {"api", "plan", "settings"},
    {"bars"},
    {"trading_days"},
    # Below this line nothing knows of the connector: source_stock_ticker/runtime/.
    {"runtime"},
    {"runtime.entrypoint"},
    {"runtime.contract"},
    {"runtime.reader"},
    {"runtime.ahead", "runtime.catalog", "runtime.http_client", "runtime.logs", "runtime.output", "runtime.state"},
    {"runtime.config", "runtime.mask", "runtime.progress", "runtime.rate_limit"},
    {"runtime.errors", "runtime.messages"},
]
# What of the runtime the connector may import beside the words that its __init__ offers.
OPEN_TO_THE_CONNECTOR = {"runtime", "runtime.http_client"}
FLOOR_OF = {module: floor for floor, modules in enumerate(FLOORS) for module in modules}

# Nothing of the connector's subject belongs into the runtime, which a copier takes over as it is.
FOREIGN_WORDS = ["stock", "ticker", "massive", "polygon"]


def name_of(file: Path) -> str:
    """main, source_stock_ticker (its __init__), api, runtime, runtime.reader ..."""
    if file.parent == ROOT:
        return file.stem
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or PACKAGE.name


FILES = {name_of(file): file for file in [ROOT / "main.py", *sorted(PACKAGE.rglob("*.py"))]}
TREES = {name: ast.parse(file.read_text("utf-8")) for name, file in FILES.items()}
ALL_MODULES = pytest.mark.parametrize("module", FILES)
RUNTIME_FILES = sorted((PACKAGE / "runtime").glob("*.py"))


def imports(module: str) -> Iterator[str]:
    """The modules of ours that a module imports when it runs; an import for type checkers alone is none."""
    for node in _nodes_that_run(TREES[module]):
        if isinstance(node, ast.ImportFrom) and (base := _module_meant(module, node)) is not None:
            for alias in node.names:
                inner = alias.name if base == PACKAGE.name else f"{base}.{alias.name}"
                yield inner if inner in FILES and inner != "main" else base


def _nodes_that_run(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        yield node
        yield from _nodes_that_run(node)


def _module_meant(module: str, node: ast.ImportFrom) -> str | None:
    """The module of ours behind `from`; None for a module of others."""
    if node.level == 0:
        return node.module if node.module == PACKAGE.name else None
    package = FILES[module].parent
    for _ in range(node.level - 1):
        package = package.parent
    folder = ".".join(package.relative_to(PACKAGE).parts)
    return ".".join(part for part in (folder, node.module) if part) or PACKAGE.name


@ALL_MODULES
def test_every_module_has_its_floor(module):
    assert module in FLOOR_OF, f"put {module} on a floor of {Path(__file__).name}"


def test_every_module_on_a_floor_exists():
    assert set(FLOOR_OF) <= set(FILES)


@ALL_MODULES
def test_imports_go_down_only(module):
    upward = [name for name in imports(module) if FLOOR_OF.get(name, 99) <= FLOOR_OF.get(module, 99)]
    assert upward == []


@pytest.mark.parametrize("module", [name for name in FILES if not name.startswith(("runtime", "main"))])
def test_the_connector_uses_only_the_open_part_of_the_runtime(module):
    assert {name for name in imports(module) if name.startswith("runtime")} <= OPEN_TO_THE_CONNECTOR


def test_the_imports_are_really_found():
    assert set(imports("main")) == {"source_stock_ticker"}
    assert {"runtime", "runtime.http_client"} <= set(imports("api"))
    assert {"runtime.messages", "runtime.ahead"} <= set(imports("runtime.reader"))


@pytest.mark.parametrize("module", [name for name in FILES if name != "main"])
def test_inside_the_package_imports_are_relative(module):
    absolute = [
        ast.unparse(node)
        for node in ast.walk(TREES[module])
        if isinstance(node, ast.Import | ast.ImportFrom)
        and PACKAGE.name in ast.unparse(node)
        and getattr(node, "level", 0) == 0
    ]
    assert absolute == []


@pytest.mark.parametrize("file", RUNTIME_FILES, ids=lambda file: file.name)
def test_the_runtime_does_not_know_the_connector(file):
    text = file.read_text("utf-8").lower()
    assert [word for word in FOREIGN_WORDS if word in text] == []


@pytest.mark.parametrize("module", [name for name in FILES if name != "runtime.output"])
def test_only_the_output_writes_to_stdout(module):
    """A name that could reach stdout: print, sys.stdout; os.write to anything but descriptor 2, which is stderr."""
    found = []
    for node in ast.walk(TREES[module]):
        text = ast.unparse(node) if isinstance(node, ast.Call | ast.Attribute) else ""
        if text.startswith("print(") or text in ("sys.stdout", "sys.__stdout__"):
            found.append(text)
        if text.startswith("os.write(") and not text.startswith("os.write(2, "):
            found.append(text)
    assert found == []


@ALL_MODULES
def test_every_module_says_what_it_is_for(module):
    assert ast.get_docstring(TREES[module])
