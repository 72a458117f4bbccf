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


def diff(
    a: Recorded,
    b: Recorded,
    *,
    json: JsonFlag = False,
) -> int:
    """Compare two runs: position, authority, reasons, findings, seats, cost, and where they part.

    Of a scenario the base recording is read. Status 1 where their digests differ.

    Example: ensemble diff scenarios/recordings/review/base scenarios/recordings/review/expert
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.report.diff_text import diff_text
    from ensemble.scenarios.comparing import compare
    from ensemble.scenarios.recorded import recorded

    document = compare(recorded(a), recorded(b))
    out_json(document) if json else out(diff_text(document))
    return 0 if document["same"] else 1


def verify(recorded: Recorded, case: CaseOption = None, *, json: JsonFlag = False) -> int:
    """Check that a run's files are what was written: chain, blobs, manifest and digest.

    Status 3 where a check does not hold. A run that was killed may end in a torn line;
    `ensemble resume` cuts it off.

    Example: ensemble verify scenarios/recordings/review/base
    """
    from ensemble.cli.printing import out, out_json
    from ensemble.errors import InvalidFile
    from ensemble.report.verify_text import verify_text
    from ensemble.scenarios.recorded import recorded as folder_of
    from ensemble.scenarios.verifying import verify as checked

    document = checked(folder_of(recorded, case))
    out_json(document) if json else out(verify_text(document))
    return 0 if document["whole"] else InvalidFile.status
