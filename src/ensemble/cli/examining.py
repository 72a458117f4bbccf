"""`check`, `draw`, `plan`, `show`, `list`: commands that look without calling a model."""

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ensemble.cli.options import JsonFlag, ProfileOption, ScenarioPath


def check(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files or folders; left out, the whole project.")
    ] = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail the check too.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="First mend what can be by rule.")] = False,
    json: JsonFlag = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print a SARIF 2.1.0 log.")] = False,
) -> int:
    """Check agents, graphs and scenarios: every problem of all files, with file, line and fix.

    Example: ensemble check --strict agents/
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report import check_text
    from ensemble.scenarios.checking import check as check_files

    if json and sarif:
        raise typer.BadParameter("print one of the two", param_hint="--json, --sarif")
    checked = check_files(paths or (), mend=fix)
    if sarif:
        out_json(check_text.as_sarif(checked))
    elif json:
        out_json(checked.document())
    else:
        out(check_text.as_text(checked))
    return checked.status(strict=strict)


def draw(
    what: Annotated[str, typer.Argument(help="A graph, a scenario file, or a run's id or folder.")],
    svg: Annotated[Path | None, typer.Option("--svg", help="Also write an SVG file.")] = None,
) -> None:
    """Print a graph as Mermaid, with the roles on its edges; of a run, the way it took.

    Example: ensemble draw review --svg review.svg
    """
    from ensemble.cli.printing import out
    from ensemble.report import drawing
    from ensemble.scenarios.showing import drawn

    shown = drawn(what)
    out(drawing.mermaid(shown.topology, shown.members, lab=shown.asking, walk=shown.walk).rstrip())
    if svg is not None:
        from ensemble.errors import CannotWrite

        text = drawing.svg(shown.topology, shown.members, lab=shown.asking, walk=shown.walk)
        try:
            svg.write_text(text)
        except OSError as error:
            raise CannotWrite(
                f"cannot write: {error.strerror}", where=str(svg), fix="choose another path"
            ) from error


def plan(
    scenario: ScenarioPath,
    case: Annotated[str | None, typer.Option("--case", help="A case of the scenario.")] = None,
    *,
    json: JsonFlag = False,
) -> None:
    """Print what a run of SCENARIO would take, before anything runs.

    Refuses, with status 5, a scenario that is over its limits even if nothing goes wrong.

    Example: ensemble plan scenarios/review.yaml
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.config import load_settings
    from ensemble.report.bounds_text import as_document, as_text
    from ensemble.scenarios.loading import load_scenario
    from ensemble.scenarios.planning import bounds_for, plan_of

    made = plan_of(load_scenario(scenario, case=case))
    bounds = asyncio.run(bounds_for(made, load_settings()))
    people = [(seat.path, role) for seat, role in made.ensemble.nodes() if seat.agent.is_person]
    if json:
        out_json(as_document(bounds, made.limits, people))
    else:
        out(as_text(bounds, made.limits, people))
    bounds.refuse_over(made.limits, where=str(scenario))


def show(
    what: Annotated[str, typer.Argument(help="`agent`, `models`, or a run's id or folder.")],
    name: Annotated[str | None, typer.Argument(help="The agent, or its file.")] = None,
    role: Annotated[str | None, typer.Option("--role", help="The role to show it in.")] = None,
    mode: Annotated[str | None, typer.Option("--mode", help="The cognitive mode.")] = None,
    tool_mode: Annotated[str | None, typer.Option("--tool-mode", help="The tool mode.")] = None,
    task: Annotated[
        str, typer.Option("--task", help="What specialisations must meet to be read.")
    ] = "",
    *,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Show a run's screen, an agent as a model would read it, or an agent's chain of models.

    Example: ensemble show agent ml-engineer --role auditor
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report.agent_text import agent_text
    from ensemble.report.chain_text import chain_text
    from ensemble.report.text import screen
    from ensemble.scenarios import runs, showing

    if what == "agent":
        view = showing.agent_view(name, role, mode=mode, tool_mode=tool_mode, task=task)
        out_json(view) if json else out(agent_text(view))
    elif what == "models":
        chains = asyncio.run(showing.chain_of(name, profile))
        out_json(chains) if json else out(chain_text(chains))
    else:
        result = runs.result_of_run(runs.run_folder(what))
        out_json(result) if json else out(screen(result))


def list_(
    kind: Annotated[
        str, typer.Argument(help="`runs`, `agents`, `graphs` or `scenarios`.")
    ] = "runs",
    *,
    json: JsonFlag = False,
) -> None:
    """List the project's runs, agents, graphs or scenarios.

    Example: ensemble list agents
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report.listing import columns, listed

    rows: list[dict[str, Any]] = listed(kind)
    if json:
        out_json(rows)
        return
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in columns(rows, width=width):
        out(line)
    if not rows:
        out(f"no {kind} here")
