"""`agents import` and `new agent`: agent files written, from other programs' or from nothing."""

from pathlib import Path
from typing import Annotated

import typer

from ensemble.cli.options import JsonFlag

agents = typer.Typer(
    help="Agent files of this and other programs.", rich_markup_mode=None, no_args_is_help=True
)
new = typer.Typer(
    help="Files to begin with, whole and checked.", rich_markup_mode=None, no_args_is_help=True
)

ToOption = Annotated[Path, typer.Option("--to", help="The folder of agent files.")]


@agents.command("import")
def import_(
    source: Annotated[Path, typer.Argument(help="A file, or a folder with agent files.")],
    to: ToOption = Path("agents"),
    *,
    force: Annotated[bool, typer.Option("--force", help="Write over files.")] = False,
    json: JsonFlag = False,
) -> int:
    """Turn other programs' agent files into our own, and say what became of each field.

    What nothing here acts on is kept below `imported`. Status 3 where a file could not be
    read, 73 where one was there already.

    Example: ensemble agents import .claude/agents --to agents/
    """
    from ensemble.agents.importing import import_agents
    from ensemble.cli.printing import out, out_json
    from ensemble.report.import_text import as_document, as_text

    report = import_agents(source, to, over=force)
    out_json(as_document(report)) if json else out(as_text(report))
    if report.faults:
        return report.faults[0].status
    return 0 if all(file.written for file in report.files) else 73


@new.command("agent")
def new_agent(
    name: Annotated[str, typer.Argument(help="Lower case, with hyphens.")],
    to: ToOption = Path("agents"),
    description: Annotated[
        str, typer.Option("--description", help="One line: what the agent does.")
    ] = "",
) -> None:
    """Write a whole agent file for you to write over, with its schema for your editor.

    Example: ensemble new agent release-manager --description "Decides what ships"
    """
    from ensemble.agents import starting
    from ensemble.cli.printing import json_text, out
    from ensemble.config import library_folder
    from ensemble.scenarios.schemas import schema_of

    schema = json_text(schema_of("agent"))
    for written in starting.new_agent(name, to, schema, description=description):
        out(f"wrote {written}")
    if (library_folder() / "agents" / f"{name}.md").exists():
        out(f"it takes the place of the built-in {name}")
