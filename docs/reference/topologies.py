"""Writes the pictures of `docs/topologies.md` from `graphs/`, as `just reference` does.

Between the two marks stands one section a graph: what its file says of itself, drawn. The rest
of the page is written by hand. A test compares the page with what `page` returns.
"""  # noqa: INP001 - a script beside the pages that it writes

import ast
import json
from pathlib import Path
from typing import Final

from ensemble.report.drawing import mermaid
from ensemble.scenarios.graphs import load_topology

CHECKOUT: Final = Path(__file__).parents[2]
PAGE: Final = CHECKOUT / "docs" / "topologies.md"
BEGIN: Final = "<!-- Written by docs/reference/topologies.py; change a graph, then run it. -->\n"
END: Final = "<!-- Until here. -->\n"


def page() -> str:
    """Return the page as it is, with the sections of the graphs as they should be."""
    above, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, below = rest.split(END)
    listed: dict[str, str] = json.loads((CHECKOUT / "langgraph.json").read_text())["graphs"]
    sections = (_section(CHECKOUT / where.partition(":")[0]) for where in listed.values())
    return "\n".join([f"{above}{BEGIN}", *sections, f"{END}{below}"])


def _section(path: Path) -> str:
    """Return a graph's section: its docstring, with Mermaid in place of the plain picture."""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    title, _, when = told.partition("\n\n")
    _, _, when = when.partition("\n\n")
    topology = load_topology(path)
    link = f"[graphs/{path.name}](../graphs/{path.name})"
    picture = f"```mermaid\n{mermaid(topology, lab=())}```"
    what = title.partition(": ")[2]
    said = f"{what[0].upper()}{what[1:]} {' '.join(when.split())}"
    return f"### {topology.name}\n\n{said} {link}\n\n{picture}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
