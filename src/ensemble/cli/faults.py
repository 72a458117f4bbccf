"""How the command line ends when something goes wrong: one error, one status, no traceback."""

import errno
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO, cast

from ensemble.errors import DiskFull, EnsembleError

INTERRUPTED: Final = 130
INTERNAL: Final = 70
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
STATUSES: Final = """\
Exit status: 0 all held, authority decided or advisory · 1 an expectation did not hold, or the
authority is split, degraded or void · 2 usage · 3 a file is invalid · 4 replay diverged ·
5 over a limit · 6 no model left · 7 refused by policy · 8 paused for a person ·
70 internal error · 73 cannot write · 74 disk full or I/O error · 75 another process owns
this run · 130 interrupted."""


def guarded(command: Callable[[], Any]) -> int:
    """Call `command` and return the exit status it ends with."""
    # Python has no stream where the caller closed it.
    if cast("TextIO | None", sys.stderr) is None:
        _to_nowhere(2)
        sys.stderr = os.fdopen(2, "w", closefd=False)
    if cast("TextIO | None", sys.stdout) is None:
        return _unwritten(OSError(errno.EBADF, os.strerror(errno.EBADF)))
    ended = _ended(command)
    try:
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer would fail once more as the interpreter ends.
        _to_nowhere(sys.stdout.fileno())
        return ended if isinstance(error, BrokenPipeError) else _unwritten(error)
    return ended


def _ended(command: Callable[[], Any]) -> int:
    import typer

    # Typer brings its own copy of click or uses click itself; this is its ClickException.
    misused: Any = typer.BadParameter.__mro__[2]
    try:
        ended = command()
    except EnsembleError as error:
        say(f"error: {error}")
        return error.status
    except misused as error:
        with _heard_or_not():
            error.show(file=sys.stderr)
        return 2
    except (KeyboardInterrupt, typer.Abort):
        ended = INTERRUPTED
    except (BrokenPipeError, SystemExit):  # Typer turns the first into the second
        _to_nowhere(sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence turns it into a report
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            _to_nowhere(sys.stdout.fileno())
            return _unwritten(error)
        return _internal(error)
    if ended == INTERRUPTED:
        say(
            "interrupted; what happened so far is in the journal: `ensemble list` names the run, "
            "`ensemble resume RUN` goes on with it"
        )
    return ended if isinstance(ended, int) else 0


def _unwritten(error: OSError) -> int:
    fault = DiskFull(
        f"what was to be said could not be written: {error.strerror}",
        where="standard output",
        fix="make room, or send it elsewhere",
    )
    say(f"error: {fault}")
    return fault.status


def _to_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


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
    """Write one message to stderr; where nobody can read it, the status still tells."""
    with _heard_or_not():
        sys.stderr.write(f"{printable(text)}\n")


@contextmanager
def _heard_or_not() -> Generator[None]:
    try:
        yield
        sys.stderr.flush()
    except OSError:
        _to_nowhere(sys.stderr.fileno())


def printable(text: str) -> str:
    """Return `text` without control characters, which a terminal would obey."""
    return "".join(
        c if c in "\n\t" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text
    )
