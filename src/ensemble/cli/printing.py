"""What the commands print: a run's screen, or one JSON document."""

import json
import sys
from typing import TYPE_CHECKING, Any

from ensemble.cli.faults import printable, say
from ensemble.errors import Paused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ensemble.scenarios.ran import Ran


def print_ran(ran: "Ran") -> None:
    """Print the screen of one finished run."""
    from ensemble.report.text import screen

    out(screen(ran.result, notes=ran.notes))
    if isinstance(ran.error, Paused):  # the screen has shown the questions
        waiting = ", ".join(item["key"] for item in ran.result["waiting"])
        say(f"paused: a person has to answer {waiting}")
    elif ran.error is not None:
        say(f"error: {ran.error}")


def print_json(done: "Sequence[Ran]", *, several: bool) -> None:
    """Print the result document of one case, or of several in one document."""
    from ensemble.scenarios.result import RESULTS_SCHEMA

    results = [ran.result for ran in done]
    document: Any = results[0]
    if several:
        document = {"schema": RESULTS_SCHEMA, "results": results}
    out_json(document)
    for ran in done:
        if ran.error is not None:
            say(f"error: {ran.error}")


def out_json(document: Any) -> None:
    """Print one JSON document."""
    sys.stdout.write(json_text(document))


def json_text(document: Any) -> str:
    """Return one JSON document as it is printed."""
    return f"{json.dumps(document, ensure_ascii=False, indent=2)}\n"


def out(text: str) -> None:
    """Print text, without what a terminal would obey."""
    sys.stdout.write(f"{printable(text)}\n")
