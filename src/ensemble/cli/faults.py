"""How the command line ends when something goes wrong: one error, one status, no traceback."""

import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ensemble.errors import EnsembleError

INTERRUPTED: Final = 130
INTERNAL: Final = 70
STATUSES: Final = """\
Exit status: 0 all held, authority decided or advisory · 1 an expectation did not hold, or the
authority is split, degraded or void · 2 usage · 3 a file is invalid · 4 replay diverged ·
5 over a limit · 6 no model left · 7 refused by policy · 8 paused for a person ·
70 internal error · 73 cannot write · 74 disk full or I/O error · 75 another process owns
this run · 130 interrupted."""


def guarded(command: Callable[[], Any]) -> int:
    """Call `command` and return the exit status it ends with."""
    import typer

    # Typer brings its own copy of click or uses click itself; this is its ClickException.
    misused: Any = typer.BadParameter.__mro__[2]
    try:
        ended = command()
        sys.stdout.flush()
    except EnsembleError as error:
        say(f"error: {error}")
        return error.status
    except misused as error:
        error.show(file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        ended = INTERRUPTED
    except (BrokenPipeError, SystemExit):  # Typer turns the first into the second
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence turns it into a report
        return _internal(error)
    if ended == INTERRUPTED:
        say("interrupted; what happened so far is in the journal (`ensemble list`)")
    return ended if isinstance(ended, int) else 0


def _internal(error: Exception) -> int:
    text = "".join(traceback.format_exception(error))
    where = "no report could be written"
    for folder in (Path.cwd() / ".ensemble", Path(tempfile.gettempdir())):
        report = folder / "internal-error.txt"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            report.write_text(text)
        except OSError:
            continue
        where = f"the report is in {report}"
        break
    say(f"internal error: {type(error).__name__}: {error}\n  {where}\n  fix: please report it")
    return INTERNAL


def say(text: str) -> None:
    """Write one message to stderr."""
    sys.stderr.write(f"{printable(text)}\n")


def printable(text: str) -> str:
    """Return `text` without control characters, which a terminal would obey."""
    return "".join(
        c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
