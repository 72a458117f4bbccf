"""The shape of the code: how long, how named, and nothing that imports itself in a circle."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

CHECKOUT: Final = Path(__file__).parents[2]
SOURCE: Final = CHECKOUT / "src"
OWN_CODE: Final = [
    path
    for folder in ("src", "graphs", "benchmarks")
    for path in sorted((CHECKOUT / folder).rglob("*.py"))
]
MODULE_LINES: Final = 350
FUNCTION_LINES: Final = 60
NEEDS_A_DOCSTRING_OVER: Final = 15
DUMPING_GROUNDS: Final = frozenset(
    ["base", "common", "core", "helper", "helpers", "manager", "misc", "service", "util", "utils"]
)

each_module = pytest.mark.parametrize(
    "path", OWN_CODE, ids=lambda path: path.relative_to(CHECKOUT).as_posix()
)


@each_module
def test_a_module_can_be_read_in_one_sitting(path: Path) -> None:
    text = path.read_text()

    lines = text.count("\n")
    assert lines <= MODULE_LINES
    assert long_functions(text) == []


@each_module
def test_a_module_is_named_for_what_it_holds(path: Path) -> None:
    names = {*path.relative_to(CHECKOUT).parent.parts, path.stem}

    assert names.isdisjoint(DUMPING_GROUNDS)


@each_module
def test_a_module_says_what_it_is(path: Path) -> None:
    text = path.read_text()

    assert ast.get_docstring(ast.parse(text)) or text.count("\n") <= NEEDS_A_DOCSTRING_OVER


def test_no_module_imports_itself_in_a_circle_at_load() -> None:
    circle = import_circle(SOURCE)

    assert circle == []


def test_a_function_of_sixty_one_lines_is_found() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    text = f"async def told():\n{body}\n\ndef fine():\n{body[10:]}"

    assert long_functions(text) == ["told at line 1: 61 lines"]


def test_a_circle_is_found_and_one_inside_a_function_is_none(tmp_path: Path) -> None:
    package = tmp_path / "house"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "one.py").write_text("from house import two\n")
    (package / "two.py").write_text("if True:\n    from house.one import name\n")
    (package / "three.py").write_text("def f():\n    import house.four\n")
    (package / "four.py").write_text(
        "import house.three\nfrom typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import house.four\n"
    )

    found = import_circle(tmp_path)
    (package / "two.py").unlink()

    assert set(found) == {"house.one", "house.two"}
    assert import_circle(tmp_path) == []


def long_functions(text: str) -> list[str]:
    """Name the functions that are longer than the limit."""
    functions = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    )
    sizes = ((node, (node.end_lineno or node.lineno) - node.lineno + 1) for node in functions)
    return [
        f"{node.name} at line {node.lineno}: {size} lines"
        for node, size in sizes
        if size > FUNCTION_LINES
    ]


def import_circle(root: Path) -> list[str]:
    """Return the modules of one circle of imports that run when a module is loaded."""
    modules = {module_name(path, root): path for path in sorted(root.rglob("*.py"))}
    imports = {
        name: set(imported_at_load(path, known=modules.keys() - {name}))
        for name, path in modules.items()
    }
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_at_load(path: Path, *, known: set[str]) -> Iterator[str]:
    """Yield the known modules that `path` imports outside functions and type checking."""
    for node in statements_at_load(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            yield from known.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = known.intersection(f"{node.module}.{alias.name}" for alias in node.names)
            yield from inner or known.intersection([node.module])


def statements_at_load(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from statements_at_load(node.orelse)
            continue
        yield node
        inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
        yield from statements_at_load(inner)
