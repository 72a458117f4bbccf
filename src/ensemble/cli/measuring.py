"""`lab` and `schema`: measuring from the shell, and what a spec or scenario may say."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from ensemble.cli.options import JsonFlag


def lab(
    tool: Annotated[str, typer.Argument(help="check_data, train, evaluate or benchmark.")],
    fields: Annotated[
        list[str] | None, typer.Argument(help="Fields of the spec as key=value.")
    ] = None,
    spec: Annotated[Path | None, typer.Option("--spec", help="A spec as a JSON file.")] = None,
    workspace: Annotated[
        Path,
        typer.Option(
            "--workspace", exists=True, file_okay=False, help="The folder that datasets lie in."
        ),
    ] = Path(),
    *,
    json: JsonFlag = False,
) -> int:
    """Measure something in the lab: the same tools that agents ask for.

    Status 1 where the job or a gate failed. `of` of evaluate is the cache_key that `train` printed.

    Example: ensemble lab train dataset=digits epochs=5
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.errors import InvalidFile, Refused
    from ensemble.report.lab_text import result_text
    from ensemble.scenarios.measuring import measure

    result: dict[str, Any] = asyncio.run(measure(tool, fields or [], spec, workspace))
    out_json(result) if json else out(result_text(result))
    told = {"ok": 0, "refused:policy": Refused.status, "refused:spec": InvalidFile.status}
    failed = any(gate["passed"] is False for gate in result["gates"])
    return told.get(result["status"], 1) or int(failed)


def schema(
    of: Annotated[
        str, typer.Argument(help="`scenario`, `agent`, `lab` or `settings`.")
    ] = "scenario",
) -> None:
    """Print a JSON Schema (draft 7): of scenarios, agents' frontmatter, lab specs or settings.

    Example: ensemble schema scenario
    """
    from ensemble.cli.printing import out_json
    from ensemble.scenarios.schemas import schema_of

    out_json(schema_of(of))
