"""`doctor` and `models`: what this machine can do, and how to get what it cannot."""

import asyncio
import sys
from typing import Annotated

import typer

from ensemble.cli.options import JsonFlag, ProfileOption

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
            if not point["ok"] and point["fix"]:
                out(f"      fix: {point['fix']}")
    return 0 if any(point["ok"] and point["answers"] for point in points) else 6


@models.command("list")
def list_models(
    agent: Annotated[str | None, typer.Argument(help="An agent; left out, all of them.")] = None,
    *,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Print each agent's chain: who would be asked, in order, over which route, and why.

    Example: ensemble models list ml-engineer --profile batch
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report.chain_text import chain_text
    from ensemble.scenarios.showing import chain_of

    chains = asyncio.run(chain_of(agent, profile))
    out_json(chains) if json else out(chain_text(chains))


@models.command("probe")
def probe_models(
    agent: Annotated[str | None, typer.Argument(help="An agent; left out, all of them.")] = None,
    *,
    profile: ProfileOption = None,
    json: JsonFlag = False,
) -> None:
    """Ask each model that can be asked which form of answer it holds to, and print the chains.

    It is one or two calls of a few tokens each, at paid routes too; what is found is kept.

    Example: ensemble models probe ml-engineer
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report.chain_text import chain_text
    from ensemble.scenarios.showing import chain_of

    chains = asyncio.run(chain_of(agent, profile, probe=True))
    out_json(chains) if json else out(chain_text(chains))


@models.command("fetch")
def fetch_models() -> None:
    """Fetch the embedded model's weights into the user's cache, once, checked by hash.

    Example: ensemble models fetch
    """
    from ensemble.cli.printing import out
    from ensemble.models.weights import fetch_weights

    out(f"the embedded model is in {fetch_weights()}")


@models.command("forget")
def forget_replies() -> None:
    """Forget the replies of earlier runs, which `--cache` answers from.

    Example: ensemble models forget
    """
    from ensemble.cli.printing import out
    from ensemble.models.replies import Replies

    gone = Replies().shrink(to_bytes=0)
    told = "1 reply is" if gone == 1 else f"{gone} replies are"
    out(f"{told} forgotten, from {Replies().folder}")


@models.command("pull")
def pull_model(
    name: Annotated[str, typer.Argument(help="A model that agents name, or a tag of Ollama's.")],
) -> None:
    """Have Ollama pull a model, and say how far it is.

    Example: ensemble models pull llama3.3:70b
    """
    from ensemble.cli.printing import out
    from ensemble.scenarios.pulling import pulled

    out(asyncio.run(pulled(name, _tell)))


def _tell(line: str, *, over: bool) -> None:
    """Write a line of progress to stderr, over the last one where a terminal can."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
    elif not over:
        sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
