"""Checks which module may import which: the layers of the package, read from the source, and other rules."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "source_stock_ticker"

# From top to bottom. A module imports only from lower layers, so there are no import cycles.
# A new module needs its place here.
LAYERS = [
    {"main"},
    {"source_stock_ticker"},
    {"source"},
    {"streams.announcements", "streams.news", "streams.prices.stream", "streams.reference"},
    {"streams.prices.coverage"},
    {"streams.prices.slices"},
    {"streams.prices.bars", "streams.prices.plan", "streams.prices.splits", "streams.table"},
    {"api", "settings"},
    {"trading_days"},
    # Below this line nothing knows about the connector: source_stock_ticker/runtime/.
    {"runtime.entrypoint"},
    {"runtime.source", "runtime.testing"},
    {"runtime.reader"},
    {"runtime.checkpoints", "runtime.parents"},
    {"runtime.encoded_page", "runtime.cursors", "runtime.slices"},
    {"runtime.stream"},
    {"runtime.process.logs"},
    {"runtime.process.output", "runtime.process.prefetch"},
    {"runtime.process.memory", "runtime.process.progress", "runtime.process.secret_filter", "runtime.process.signals"},
    {"runtime.http.oauth2"},
    {"runtime.http.client"},
    {"runtime.http.meaning", "runtime.http.pages"},
    {"runtime.http.paging", "runtime.http.polling", "runtime.http.response"},
    {
        "runtime.http.auth",
        "runtime.http.deadline",
        "runtime.http.environment",
        "runtime.http.problems",
        "runtime.http.rate_limit",
        "runtime.http.request",
        "runtime.http.retries",
    },
    {"runtime.protocol.attempts", "runtime.protocol.records", "runtime.protocol.state"},
    {"runtime.protocol.catalog", "runtime.protocol.config", "runtime.protocol.messages", "runtime.protocol.row_type"},
    {"runtime.forecast", "runtime.protocol.files", "runtime.protocol.options", "runtime.protocol.spec"},
    {"runtime.errors"},
]
LAYER_OF = {module: layer for layer, modules in enumerate(LAYERS) for module in modules}
# The part of the runtime that the connector may import: the parts of streams and sources, and the HTTP client.
OPEN_TO_THE_CONNECTOR = {
    "runtime.cursors",
    "runtime.entrypoint",
    "runtime.errors",
    "runtime.forecast",
    "runtime.http.auth",
    "runtime.http.client",
    "runtime.http.meaning",
    "runtime.http.oauth2",
    "runtime.http.pages",
    "runtime.http.paging",
    "runtime.http.polling",
    "runtime.http.rate_limit",
    "runtime.http.request",
    "runtime.http.response",
    "runtime.http.retries",
    "runtime.parents",
    "runtime.protocol.options",
    "runtime.protocol.row_type",
    "runtime.source",
    "runtime.stream",
}
# Each external module has one owner: a package or some modules.
OWNERS = {
    "argparse": ("runtime.entrypoint",),
    "importlib": ("runtime.entrypoint", "runtime.protocol.spec", PACKAGE.name),
    "jsonschema": ("runtime.protocol", "runtime.testing"),
    "requests": ("runtime.http", "api"),
    "select": ("runtime.process",),
    "signal": ("runtime.process", "main"),
    "socket": ("runtime.http",),
    "threading": ("runtime.process", "runtime.http.client", "runtime.http.oauth2", "runtime.http.rate_limit"),
    "urllib3": ("runtime.http",),
    "yaml": ("runtime.protocol",),
}
# The runtime must not mention the connector's subject, because copies use it unchanged.
FOREIGN_WORDS = ["stock", "ticker", "massive", "polygon"]
# The five files that explain the runtime, and the limits on lines.
LESSON = ["stream", "source", "entrypoint", "reader", "errors"]
MAX_LINES_OF_THE_LESSON, MAX_LINES_OF_THE_RUNTIME, MAX_LINES = 756, 3_776, 5_831


def name_of(file: Path) -> str:
    """main, source_stock_ticker (its __init__), api, runtime, runtime.reader ..."""
    if file.parent == ROOT:
        return file.stem
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or PACKAGE.name


FILES = {name_of(file): file for file in [ROOT / "main.py", *sorted(PACKAGE.rglob("*.py"))]}
TREES = {name: ast.parse(file.read_text("utf-8")) for name, file in FILES.items()}
PACKAGES = [name for name, file in FILES.items() if file.stem == "__init__" and file.parent != PACKAGE]
RUNTIME = [name for name in FILES if name.split(".")[0] == "runtime"]
ALL_MODULES = pytest.mark.parametrize("module", FILES)


def imports(module: str) -> Iterator[str]:
    """Our own modules that a module imports, including imports only for type checkers."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.ImportFrom) and (base := _module_meant(module, node)) is not None:
            for alias in node.names:
                inner = alias.name if base == PACKAGE.name else f"{base}.{alias.name}"
                yield inner if inner in FILES and inner != "main" else base


def _module_meant(module: str, node: ast.ImportFrom) -> str | None:
    """Our own module after `from`; None for an external module."""
    if node.level == 0:
        return node.module if node.module == PACKAGE.name else None
    package = FILES[module].parent
    for _ in range(node.level - 1):
        package = package.parent
    folder = ".".join(package.relative_to(PACKAGE).parts)
    return ".".join(part for part in (folder, node.module) if part) or PACKAGE.name


def imports_of_others(module: str) -> Iterator[str]:
    """The external packages that a module imports: requests for requests.adapters too."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield str(node.module).split(".")[0]


def lines(modules: list[str]) -> int:
    return sum(len(FILES[module].read_text("utf-8").splitlines()) for module in modules)


# Layers


@pytest.mark.parametrize("module", [name for name in FILES if name not in PACKAGES])
def test_every_module_has_its_layer(module):
    assert module in LAYER_OF, f"add {module} to a layer in {Path(__file__).name}"


def test_every_module_in_a_layer_exists():
    assert set(LAYER_OF) <= set(FILES)


def test_every_module_has_one_layer():
    assert len(LAYER_OF) == sum(map(len, LAYERS))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_packages_init_has_only_a_docstring(package):
    assert len(TREES[package].body) == 1
    assert ast.get_docstring(TREES[package])


@ALL_MODULES
def test_imports_go_down_only(module):
    upward = [name for name in imports(module) if LAYER_OF.get(name, -1) <= LAYER_OF.get(module, -1)]
    assert upward == []


@ALL_MODULES
def test_no_import_hides_inside_a_function(module):
    functions = [node for node in ast.walk(TREES[module]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = [node for function in functions for node in ast.walk(function)]
    assert [ast.unparse(node) for node in inside if isinstance(node, ast.Import | ast.ImportFrom)] == []


@pytest.mark.parametrize("module", [name for name in FILES if name not in ("runtime.entrypoint", PACKAGE.name)])
def test_only_the_entrypoint_and_the_package_import_by_name(module):
    calls = [ast.unparse(node.func) for node in ast.walk(TREES[module]) if isinstance(node, ast.Call)]
    assert [call for call in calls if call.split(".")[-1] in ("import_module", "__import__")] == []


@pytest.mark.parametrize("module", [name for name in FILES if not name.startswith(("runtime", "main"))])
def test_the_connector_uses_only_the_open_part_of_the_runtime(module):
    assert {name for name in imports(module) if name.startswith("runtime")} <= OPEN_TO_THE_CONNECTOR


def test_the_imports_are_really_found():
    assert set(imports("main")) == {"source_stock_ticker"}
    assert {"runtime.errors", "runtime.http.client"} <= set(imports("api"))
    assert {"runtime.protocol.messages", "runtime.slices"} <= set(imports("runtime.reader"))
    assert {"threading", "requests", "urllib3"} <= set(imports_of_others("runtime.http.client"))


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


# What has one owner


@pytest.mark.parametrize("thing", OWNERS)
def test_a_thing_from_outside_is_used_by_its_owner_alone(thing):
    users = [module for module in FILES if thing in imports_of_others(module)]
    assert users
    assert [user for user in users if not f"{user}.".startswith(tuple(f"{owner}." for owner in OWNERS[thing]))] == []


@pytest.mark.parametrize("module", [name for name in FILES if name != "runtime.process.output"])
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


@pytest.mark.parametrize("module", RUNTIME)
def test_the_runtime_does_not_know_the_connector(module):
    text = FILES[module].read_text("utf-8").lower()
    assert [word for word in FOREIGN_WORDS if word in text] == []


# Reading


@ALL_MODULES
def test_every_module_says_what_it_is_for(module):
    assert ast.get_docstring(TREES[module])


def test_the_lesson_of_the_runtime_is_short():
    assert lines([f"runtime.{name}" for name in LESSON]) <= MAX_LINES_OF_THE_LESSON


def test_the_runtime_is_small():
    assert lines([name for name in RUNTIME if name != "runtime.testing"]) <= MAX_LINES_OF_THE_RUNTIME


def test_the_package_is_small():
    assert lines([name for name in FILES if name not in ("main", "runtime.testing")]) <= MAX_LINES
