"""`whatif`, `diff`, `verify`: commands that read recorded runs and ask nobody."""

from typing import Annotated

import typer

from ensemble.cli.options import JsonFlag

Recorded = Annotated[
    str, typer.Argument(help="A run's id or folder, a recording's folder, or a scenario's file.")
]
CaseOption = Annotated[
    str | None, typer.Option("--case", help="A case of the scenario; left out, the base.")
]


def whatif(
    recorded: Recorded,
    case: CaseOption = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="SEAT", help="Leave this seat out; repeatable."),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option("--rule", help="Decide by chair, majority, weighted or unanimous."),
    ] = None,
    quorum: Annotated[int | None, typer.Option("--quorum", min=1, help="Another quorum.")] = None,
    gate: Annotated[
        list[str] | None,
        typer.Option(
            "--gate",
            metavar="EVIDENCE/GATE=THRESHOLD",
            help="Another threshold, or `=pass`, or `=fail`; repeatable.",
        ),
    ] = None,
    *,
    json: JsonFlag = False,
) -> None:
    """Say what would have been decided otherwise: without a seat, by another rule, quorum or gate.

    Every answer stands as it was recorded, so nothing is asked and nothing is paid. Without an
    option each single change is tried; with some, they are made together.

    Example: ensemble whatif scenarios/review.yaml --case expert --rule majority --drop auditor
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report.whatif_text import whatif_text
    from ensemble.scenarios.recorded import recorded as folder_of
    from ensemble.scenarios.whatif import change_of, what_if

    asked = change_of(drop or (), rule, quorum, gate or ())
    document = what_if(folder_of(recorded, case), asked)
    out_json(document) if json else out(whatif_text(document))
