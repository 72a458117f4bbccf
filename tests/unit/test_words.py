"""What the project's own files must not speak of: the folder beside the checkout."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
FOLDERS: Final = (
    *(".ci", ".github", "agents", "benchmarks", "docs", "graphs"),
    *("scenarios", "schemas", "src", "tests"),
)
NOT_OURS: Final = "../shared"
"""Where the seed agent lies; it is no part of the project."""


def test_no_file_leans_on_the_folder_beside_the_checkout() -> None:
    leaning = [
        f"{path.relative_to(CHECKOUT)}:{number}"
        for path in own_texts(CHECKOUT)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if NOT_OURS in line and not loads_the_seed(path)
    ]

    assert leaning == []


def test_a_file_that_leans_on_it_is_found(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "agent.py").write_text(f"path = '{NOT_OURS}/seed'\n")
    (tmp_path / "README.md").write_text("fine\n")

    found = [path.name for path in own_texts(tmp_path) if NOT_OURS in path.read_text()]

    assert found == ["agent.py"]


def own_texts(root: Path) -> Iterator[Path]:
    """Yield the text files of the project: what stands at the top, and in its folders."""
    inside = (path for folder in FOLDERS for path in sorted((root / folder).rglob("*")))
    for path in (*sorted(root.glob("*")), *inside):
        cached = "__pycache__" in path.parts
        if path.is_file() and not cached and b"\0" not in path.read_bytes()[:4096]:
            yield path


def loads_the_seed(path: Path) -> bool:
    """Return whether `path` is a test file that takes the seed agent, or this one."""
    if path == Path(__file__):
        return True
    return "tests" in path.parts and path.suffix == ".py" and "seed:" in path.read_text()
