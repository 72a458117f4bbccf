"""What can be mended by rule, mended in the files: edits of problems, and repairs written out.

A file is written only where it still loads afterwards, as an agent; every other file
is left as it is. Nothing here decides what is wrong: that is in the problems.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from ensemble.agents.library import load_agent
from ensemble.agents.reading import decode
from ensemble.checks.mending import mended
from ensemble.checks.problem import Edit, Problem
from ensemble.errors import CannotWrite, EnsembleError


@dataclass(frozen=True)
class Fixed:
    """A file that was mended."""

    file: str
    codes: tuple[str, ...]
    """Of the problems that had an edit, or of the repairs written out; once each."""


def fix(problems: Sequence[Problem]) -> list[Fixed]:
    """Mend in place what the problems say how to mend, and return the files changed.

    Raises:
        CannotWrite: a file cannot be written.
    """
    wanted = [problem for problem in problems if problem.fixable]
    done: list[Fixed] = []
    for file, group in groupby(sorted(wanted, key=lambda p: p.file), key=lambda p: p.file):
        own = list(group)
        if _fix_file(Path(file), own):
            done.append(Fixed(file, tuple(dict.fromkeys(problem.code for problem in own))))
    return done


def _fix_file(path: Path, problems: Sequence[Problem]) -> bool:
    """Write the file mended; return whether anything changed."""
    agent = load_agent(path)
    text, _ = decode(path.read_bytes(), str(path))
    rows = _rows(text)
    for edit in _last_first(edit for problem in problems for edit in problem.edits):
        _apply(edit, rows)
    if path.suffix == ".md" and any(problem.rewrites for problem in problems):
        rows = mended(rows, agent)
    fresh = "\n".join(rows).encode()
    if fresh == path.read_bytes() or not _loads(path, fresh):
        return False
    target = path.resolve()
    beside = target.with_name(f".{path.name}.fixing")
    try:
        beside.write_bytes(fresh)
        beside.chmod(target.stat().st_mode & 0o777)
        beside.replace(target)
    except OSError as error:
        problem = f"cannot be written: {error.strerror}"
        raise CannotWrite(problem, where=str(path), fix="make it writable") from error
    return True


def _loads(path: Path, fresh: bytes) -> bool:
    """Return whether a file of this name that holds `fresh` is an agent."""
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.parent.name / path.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(fresh)
        try:
            load_agent(copy)
        except EnsembleError:
            return False
    return True


def _rows(text: str) -> list[str]:
    plain = text.removeprefix("\N{BYTE ORDER MARK}")
    return plain.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _last_first(edits: Iterable[Edit]) -> list[Edit]:
    """Return each edit once, from the end of the file, so that places before it stay true."""
    return sorted(set(edits), key=lambda edit: (edit.line, edit.column), reverse=True)


def _apply(edit: Edit, rows: list[str]) -> None:
    """Make one edit; where its text stands a little further on, as behind a quote, there."""
    if not 0 < edit.line <= len(rows):
        return
    row = rows[edit.line - 1]
    start = row.find(edit.old, edit.column - 1)
    if start >= 0:
        rows[edit.line - 1] = f"{row[:start]}{edit.new}{row[start + len(edit.old) :]}"
