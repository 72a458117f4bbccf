"""A run that has ended: its result document, its expectations, its exit status."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ensemble.errors import EnsembleError
from ensemble.journal.record import Event
from ensemble.journal.run_journal import Heard, Journal
from ensemble.scenarios.expectations import check_expectations
from ensemble.scenarios.loading import Loaded
from ensemble.scenarios.performance import Outcome
from ensemble.scenarios.result import Document, result_of


@dataclass(frozen=True)
class Watch:
    """Who is told while a run goes on; for the display only."""

    event: Callable[[str, Event], None] | None = None
    """Told a run's id and each of its events."""
    text: Callable[[str, str], None] | None = None
    """Told a call's key and each piece of its answer as it arrives."""
    lab: Callable[[dict[str, Any]], None] | None = None
    """Told what a lab job says of itself while it runs."""

    def of(self, run: str) -> Heard | None:
        """Return what the journal of `run` tells its events to."""
        told = self.event
        return None if told is None else lambda event: told(run, event)


@dataclass(frozen=True)
class Ran:
    """A finished run: its result document, and what kept it from a good end."""

    result: Document
    error: EnsembleError | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def status(self) -> int:
        """The exit status that this run asks for."""
        if self.error is not None:
            return self.error.status
        held = all(item["held"] for item in self.result["expectations"])
        return 0 if held and self.result["trusted"] else 1


def ran_of(loaded: Loaded, journal: Journal, path: str, outcome: Outcome) -> Ran:
    """Return the run with its expectations checked."""
    result = result_of(journal.run, journal.events, journal=path, status=outcome.status)
    held = check_expectations(loaded.scenario.expect, result, journal.events, loaded.workspace)
    allowed = loaded.scenario.decision.allow
    full = {**result, "expectations": held, "trusted": result["authority"] in allowed}
    return Ran(full, outcome.error)
