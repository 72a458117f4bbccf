"""The command line: reads arguments, calls one function, prints, sets the status.

One file per group of commands. Heavy libraries are imported where a command needs them, so
that `ensemble --help` starts at once.
"""

import sys
from collections.abc import Sequence

from ensemble.cli.faults import guarded


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    from ensemble.cli.app import app

    given = sys.argv[1:] if arguments is None else list(arguments)
    sys.exit(guarded(lambda: app(args=given, prog_name="ensemble", standalone_mode=False)))
