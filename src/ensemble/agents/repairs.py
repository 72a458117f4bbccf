"""What had to be mended to read an agent file, one repair at a time, each with a code."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Repair:
    """Something about a file that was mended while it was read."""

    code: str
    """Stable, `R01` and on."""
    message: str
    """What was read as what."""
    line: int
    """The line of the file, from 1."""
