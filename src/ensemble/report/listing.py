"""The project's runs, agents, graphs and scenarios, one row each."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ensemble.agents.library import load_agents
from ensemble.config import project_of
from ensemble.errors import EnsembleError, UsageError, closest
from ensemble.scenarios.graphs import graph_files
from ensemble.scenarios.loading import case_ids
from ensemble.scenarios.runs import list_runs


def listed(kind: str) -> list[dict[str, Any]]:
    """Return the rows of one kind of thing.

    Raises:
        UsageError: there is no such kind.
    """
    kinds = {"runs": _runs, "agents": _agents, "graphs": _graphs, "scenarios": _scenarios}
    if kind not in kinds:
        raise UsageError(f"there are no {kind!r}", where="KIND", fix=closest(kind, kinds))
    return kinds[kind]()


def columns(rows: Sequence[Mapping[str, Any]], *, width: int | None = None) -> list[str]:
    """Return the rows as lines, each field under the one above it.

    Args:
        rows: what `listed` returns; paths are shown as seen from here, texts on one line.
        width: cuts the longest field so that a line fits; None cuts nothing.
    """
    cells = [{name: _cell(item) for name, item in row.items() if item} for row in rows]
    names = list(dict.fromkeys(name for row in cells for name in row))
    widths = {name: max(len(row.get(name, "")) for row in cells) for name in names}
    if width is not None and names:
        longest = max(widths, key=lambda name: widths[name])
        others = sum(widths.values()) - widths[longest] + 2 * (len(names) - 1)
        widths[longest] = min(widths[longest], max(20, width - others))
    return [
        "  ".join(_fitted(row.get(name, ""), widths[name]) for name in names).rstrip()
        for row in cells
    ]


def _cell(item: Any) -> str:
    text = " ".join(str(item).split())
    here = f"{Path.cwd()}{os.sep}"
    return text.removeprefix(here)


def _fitted(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"


def _runs() -> list[dict[str, Any]]:
    return [
        {"run": row["run"], "fault": row["fault"]}
        if "fault" in row
        else {
            "run": row["run"],
            "status": row.get("status", "interrupted"),
            "authority": row.get("authority"),
            "case": row.get("case"),
            "scenario": row.get("scenario"),
        }
        for row in list_runs()
    ]


def _agents() -> list[dict[str, Any]]:
    library = load_agents()
    fine = [
        {
            "name": a.name,
            "version": a.spec.version,
            "description": a.spec.description,
            "path": a.path,
        }
        for a in library.values()
    ]
    lost = [{"name": "-", "fault": str(fault)} for fault in library.faults]
    return [*sorted(fine, key=lambda row: row["name"]), *lost]


def _graphs() -> list[dict[str, Any]]:
    return [{"name": name, "path": str(path)} for name, path in graph_files().items()]


def _scenarios() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for path in sorted((project_of().root / "scenarios").glob("*.yaml")):
        try:
            cases = ", ".join(case for case in case_ids(path) if case)
        except EnsembleError as fault:
            cases = str(fault)
        rows.append({"path": str(path), "cases": cases})
    return rows
