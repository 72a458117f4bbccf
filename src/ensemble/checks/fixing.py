"""What can be mended by rule, mended in the files: edits of problems, and repairs written out.

A file is written only where it still loads afterwards, and where writing the repairs out left
what it says as it was; every other file stays as it is. Nothing here decides what is wrong:
that is in the problems.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from ensemble.agents.frontmatter import decode
from ensemble.agents.loading import read_agents
from ensemble.agents.writing import write_text, written_out
from ensemble.checks.problem import Edit, Problem
from ensemble.errors import EnsembleError


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
    before = path.read_bytes()
    rows = _rows(decode(before, str(path))[0])
    for edit in _last_first(edit for problem in problems for edit in problem.edits):
        _apply(edit, rows)
    edited = "\n".join(rows)
    rewrites = path.suffix != ".toml" and any(problem.rewrites for problem in problems)
    try:
        fresh = written_out(edited, str(path)) if rewrites else edited
        same = _said(edited, path) == _said(fresh, path)
    except EnsembleError:
        return False
    if not same or fresh.encode() == before:
        return False
    write_text(path, fresh)
    return True


def _said(text: str, path: Path) -> list[object]:
    """Return what a file of this name that holds `text` says."""
    return [(agent.spec, agent.body) for agent in read_agents(text.encode(), str(path))]


def _rows(text: str) -> list[str]:
    plain = text.removeprefix("\N{BYTE ORDER MARK}")
    return plain.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _last_first(edits: Iterable[Edit]) -> list[Edit]:
    """Return each edit once, from the end of the file, so that places before it stay true."""
    return sorted(set(edits), key=lambda edit: (edit.line, edit.column), reverse=True)


def _apply(edit: Edit, rows: list[str]) -> None:
    """Make one edit, where its text stands just there or behind a quote."""
    if not 0 < edit.line <= len(rows):
        return
    row = rows[edit.line - 1]
    start = edit.column - 1 + (row[edit.column - 1 : edit.column] in ("'", '"'))
    start = edit.column - 1 if row.startswith(edit.old, edit.column - 1) else start
    if row.startswith(edit.old, start):
        rows[edit.line - 1] = f"{row[:start]}{edit.new}{row[start + len(edit.old) :]}"
