"""`doctor` and `models`: what this machine can do, and how to get what it cannot."""

import asyncio
from typing import Annotated

import typer

from ensemble.cli.options import JsonFlag

models = typer.Typer(
    help="The models that agents would ask here.", rich_markup_mode=None, no_args_is_help=True
)


def doctor(*, json: JsonFlag = False) -> int:
    """Say what is available here, and how to get what is not.

    Status 0 where a run can be made, 6 where no model can be asked.

    Example: ensemble doctor
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.scenarios.doctor import diagnose

    points = asyncio.run(diagnose())
    if json:
        out_json({"schema": "ensemble/doctor@1", "points": points})
    else:
        for point in points:
            mark = {True: "ok  ", False: "no  "}[point["ok"]]
            out(f"{mark}{point['name']}: {point['found']}")
            if not point["ok"]:
                out(f"      fix: {point['fix']}")
    return 0 if any(point["ok"] and point["answers"] for point in points) else 6


@models.command("list")
def list_models(
    agent: Annotated[str | None, typer.Argument(help="An agent; left out, all of them.")] = None,
    *,
    json: JsonFlag = False,
) -> None:
    """Print each agent's chain: who would be asked, in order, and why.

    Example: ensemble models list ml-engineer
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report.chain_text import chain_text
    from ensemble.scenarios.showing import chain_of

    chains = asyncio.run(chain_of(agent))
    out_json(chains) if json else out(chain_text(chains))


@models.command("fetch")
def fetch_models() -> None:
    """Fetch the embedded model's weights into the user's cache, once, checked by hash.

    Example: ensemble models fetch
    """
    from ensemble.cli.printing import out
    from ensemble.models.weights import fetch_weights

    out(f"the embedded model is in {fetch_weights()}")
