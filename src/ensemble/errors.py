"""What can go wrong, and what to do about it.

    EnsembleError             a mistake the user can mend: problem, where, fix
    ├── UsageError       2    the command's arguments do not fit
    ├── InvalidFile      3    an agent, graph, scenario or spec file is wrong
    ├── Diverged         4    a replay asked something its recording does not hold
    ├── OverLimit        5    a limit of the scenario would be crossed
    ├── NoModelLeft      6    every candidate of a seat's chain failed
    ├── Refused          7    policy says no
    ├── Paused           8    a person has to answer first
    ├── CannotWrite     73    a folder or file cannot be written
    ├── DiskFull        74    the disk is full or failing
    └── NotOwner        75    another live process owns this run

`Faults` holds several of them at once, so that one check reports everything.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar


class EnsembleError(Exception):
    """A mistake the user can mend. The command line prints it without a traceback."""

    status: ClassVar[int] = 1

    def __init__(self, problem: str, *, where: str, fix: str) -> None:
        super().__init__(f"{where}: {problem}\n  fix: {fix}")
        self.problem = problem
        self.where = where
        self.fix = fix


class UsageError(EnsembleError):
    """The command's arguments do not fit."""

    status = 2


class InvalidFile(EnsembleError):
    """A file of the user's is wrong; `where` is file:line:column."""

    status = 3


class Diverged(EnsembleError):
    """A replay asked something that its recording does not hold."""

    status = 4


class OverLimit(EnsembleError):
    """A limit of the scenario would be crossed."""

    status = 5


class NoModelLeft(EnsembleError):
    """Every candidate of a chain failed or was not available."""

    status = 6


class Refused(EnsembleError):
    """Policy says no."""

    status = 7


class Paused(EnsembleError):
    """A person has to answer before the run can go on."""

    status = 8


class CannotWrite(EnsembleError):
    """A folder or file cannot be written."""

    status = 73


class DiskFull(EnsembleError):
    """The disk is full or failing."""

    status = 74


class NotOwner(EnsembleError):
    """Another live process owns this run."""

    status = 75


class Faults(EnsembleError):
    """Several mistakes, reported together.

    Its status is that of the first; its text is one paragraph per fault.
    """

    def __init__(self, faults: Sequence[EnsembleError]) -> None:
        Exception.__init__(self, "\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
        self.problem = f"{len(faults)} faults"
        self.where = faults[0].where
        self.fix = faults[0].fix
        self.status = faults[0].status  # pyright: ignore[reportAttributeAccessIssue]


def raise_all(faults: Sequence[EnsembleError]) -> None:
    """Raise nothing for no fault, the fault itself for one, `Faults` for more."""
    if len(faults) == 1:
        raise faults[0]
    if faults:
        raise Faults(faults)


def closest(name: str, known: Iterable[str], *, kind: str = "name") -> str:
    """Return the fix for a misspelt `name`: the nearest known one, or all of them."""
    names = sorted(map(str, known))
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"use one of: {', '.join(names)}" if names else f"define a {kind} first; there is none"
