"""The commands of `ensemble`, by name."""

from typing import Annotated

import typer

from ensemble.cli import agents, casting, examining, machine, measuring, reading, running
from ensemble.cli.faults import STATUSES

app = typer.Typer(
    help="Panels of expert agents, seated in roles, recorded and replayable.",
    epilog=STATUSES,
    no_args_is_help=True,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def about(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Panels of expert agents, seated in roles, recorded and replayable."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(installed("ensemble-panels"))
        raise typer.Exit


app.command()(running.run)
app.command()(running.replay)
app.command()(running.resume)
app.command()(running.rerecord)
app.command()(reading.whatif)
app.command()(reading.diff)
app.command()(reading.verify)
app.command()(examining.check)
app.command()(casting.cast)
app.command()(examining.draw)
app.command()(examining.plan)
app.command()(examining.show)
app.command(name="list")(examining.list_)
app.command()(machine.doctor)
app.add_typer(machine.models, name="models")
app.add_typer(agents.agents, name="agents")
app.add_typer(agents.new, name="new")
app.command(context_settings={"ignore_unknown_options": False})(measuring.lab)
app.command()(measuring.schema)
