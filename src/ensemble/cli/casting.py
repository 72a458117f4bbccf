"""`cast`: who could sit where, before a scenario is written."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble.cli.options import JsonFlag


def cast(
    paths: Annotated[
        list[Path], typer.Option("--for", help="A file or folder that the panel is to look at.")
    ],
    more: Annotated[
        list[Path] | None, typer.Argument(help="Further files and folders.", metavar="[PATH]...")
    ] = None,
    task: Annotated[str, typer.Option("--task", help="What it is to do, in words.")] = "",
    graph: Annotated[str, typer.Option("--graph", help="Whose seats to fill.")] = "review",
    members: Annotated[int, typer.Option("--members", min=1, help="Of a panel, at most.")] = 3,
    *,
    json: JsonFlag = False,
) -> None:
    """Propose who could sit where, with reasons and a cast to put into a scenario.

    --for may be given several times.

    Example: ensemble cast --for src/ --for deploy/ --task "May this model be promoted?"
    """
    from ensemble.agents.library import load_agents
    from ensemble.cli.printing import out, out_json
    from ensemble.report.cast_text import as_text
    from ensemble.scenarios.graphs import find_topology
    from ensemble.scenarios.proposal import files_below, propose

    topology = find_topology(graph, where="--graph")
    files = files_below([*paths, *(more or ())])
    library = load_agents(cached=True)
    proposal = propose(library, topology, files=files, task=task, members=members)
    out_json(proposal.document()) if json else out(as_text(proposal))
