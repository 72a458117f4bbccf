"""Arguments and options that several commands share, each documented once."""

from pathlib import Path
from typing import Annotated

import typer

ScenarioPath = Annotated[Path, typer.Argument(help="A scenario file, e.g. scenarios/review.yaml.")]
CaseOption = Annotated[
    str | None, typer.Option("--case", help="A case of the scenario, or `all`; left out, the base.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
JsonLinesFlag = Annotated[
    bool, typer.Option("--jsonl", help="Print each event as it happens, one JSON document a line.")
]
QuietFlag = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", help="A situation such as batch, or a profile such as budget."),
]
