"""What a person sees while a run goes on: one line per seat, on stderr.

On a terminal a table that renews itself; elsewhere a plain line when a turn starts or ends;
with `--jsonl` every event as it happens.
"""

import json
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TextIO

from ensemble.journal.record import Event
from ensemble.journal.turn_key import TurnKey
from ensemble.report.text import cause_of
from ensemble.scenarios.ran import Watch

_BYTES_PER_TOKEN = 3.6
"""About what one token of an answer holds."""


@dataclass
class _Line:
    """One seat's line."""

    role: str
    asked: str = ""
    """The model wished for first."""
    asks: str = ""
    """The first that can be asked here."""
    served: str = ""
    state: str = "waiting"
    cause: str = ""
    """Why it is lost."""
    tokens: int = 0
    kept: bool = False
    """Whether a reply of an earlier run was taken."""
    written: int = 0
    said: int = 0
    """Tokens of its answers, and the seconds that they took."""
    said_s: float = 0.0
    asked_at: float = field(default_factory=time.monotonic)
    started: float = field(default_factory=time.monotonic)
    ended: float | None = None

    @property
    def seconds(self) -> float:
        """How long the turn has taken so far."""
        return (self.ended or time.monotonic()) - self.started

    @property
    def pace(self) -> str:
        """Tokens a second: of its answers, or of what is being written, by an estimate."""
        said, seconds = float(self.said), self.said_s
        if self.written:
            said, seconds = self.written / _BYTES_PER_TOKEN, time.monotonic() - self.asked_at
        return f"{said / seconds:.1f}" if said and seconds else ""


@contextmanager
def progress(*, quiet: bool, lines_to: TextIO | None = None) -> Generator[Watch]:
    """Show a run's progress for as long as the context lasts.

    Args:
        quiet: show nothing.
        lines_to: where every event goes as a line of JSON; None for no such lines.
    """
    if lines_to is not None:
        yield Watch(event=lambda run, event: _as_line(run, event, lines_to))
    elif quiet:
        yield Watch()
    elif sys.stderr.isatty():
        with _live() as watch:
            yield watch
    else:
        plain = _Plain()
        yield Watch(event=lambda _, event: plain.heard(event))


def _as_line(run: str, event: Event, to: TextIO) -> None:
    to.write(f"{json.dumps(event.document(run), ensure_ascii=False)}\n")
    to.flush()


class _Seats:
    """The lines of a run, kept up by its events."""

    def __init__(self) -> None:
        self.lines: dict[str, _Line] = {}
        self.lab = ""

    def heard(self, event: Event) -> None:
        """Take one event in."""
        line = self.lines.get(TurnKey.read(event.key).turn)
        match event.event:
            case "turn_started":
                body = event.body
                wished, asks = str(body.get("asked") or ""), str(body.get("asks") or "")
                self.lines[event.key] = _Line(str(body["role"]), wished, asks)
            case "model_asked" if line:
                line.state, line.written, line.asked_at = "thinking", 0, time.monotonic()
            case "model_failed" if line:
                line.state = f"failed: {event.body.get('class')}"
            case "model_replied" if line:
                usage: dict[str, Any] = event.body.get("usage") or {}
                line.served = str(event.body["served"])
                line.tokens += (usage.get("input_tokens") or 0) + (usage.get("output_tokens") or 0)
                line.said += usage.get("output_tokens") or 0
                line.said_s += event.body.get("seconds") or 0.0
                line.written, line.kept = 0, line.kept or bool(event.body.get("cached"))
            case "turn_ended":
                # A resumed run is not told again of a turn that had begun before.
                line = line or self.lines.setdefault(event.key, _Line(str(event.value["role"])))
                line.served = str(event.value["served"] or "")
                line.state, line.ended = str(event.value["status"]), time.monotonic()
                line.cause = cause_of(event.value)
            case "lab_submitted":
                self.lab = f"lab: {event.body.get('tool')} is running"
            case "lab_returned":
                self.lab = f"lab: {event.value['tool']} {event.value['status']}"
            case _:
                pass

    def written(self, key: str, text: str) -> None:
        """Take in a piece of an answer; provisional until the reply."""
        line = self.lines.get(TurnKey.read(key).turn)
        if line is not None:
            line.written += len(text)
            line.state = f"writing, {line.written} characters"

    def measured(self, told: dict[str, Any]) -> None:
        """Take in what a lab job says of itself."""
        shown = (f"{name} {value}" for name, value in told.items() if name != "event")
        self.lab = f"lab: {told.get('event', 'running')}, {', '.join(shown)}"[:100]


class _Plain(_Seats):
    """Plain lines, for logs."""

    def heard(self, event: Event) -> None:
        """Say what began or ended."""
        super().heard(event)
        if event.event in ("lab_submitted", "lab_returned"):
            sys.stderr.write(f"{self.lab}\n")
        elif event.event == "turn_started":
            line = self.lines[event.key]
            wish = f"wants {line.asked}, " if line.asked not in ("", line.asks) else ""
            sys.stderr.write(f"{event.key}: begins, {wish}asks {line.asks or 'nobody'}\n")
        elif event.event == "turn_ended":
            line = self.lines[event.key]
            by = f", {line.cause}" if line.cause else f" by {line.served or 'nobody'}"
            by += ", from the cache" if line.kept else ""
            pace = f", {line.pace} tokens/s" if line.pace else ""
            sys.stderr.write(
                f"{event.key}: {line.state}{by}, {line.tokens} tokens, {line.seconds:.1f} s{pace}\n"
            )
        sys.stderr.flush()


@contextmanager
def _live() -> Generator[Watch]:
    from rich.console import Console
    from rich.live import Live

    seats = _Seats()
    console = Console(stderr=True, highlight=False, markup=False)
    with Live(console=console, get_renderable=lambda: _table(seats), refresh_per_second=4):
        yield Watch(
            event=lambda _, event: seats.heard(event), text=seats.written, lab=seats.measured
        )


def _table(seats: _Seats) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, title_justify="left")
    numbers = ("tokens", "tokens/s", "seconds")
    for name in ("seat", "role", "asked", "served", "state", *numbers):
        table.add_column(name, justify="right" if name in numbers else "left")
    for key, line in seats.lines.items():
        served = line.served or f"({line.asks})"
        served += ", from the cache" if line.kept else ""
        state = f"{line.state}: {line.cause}" if line.cause else line.state
        cells = (TurnKey.read(key).path, line.role, line.asked, served, state)
        counts = (str(line.tokens or ""), line.pace, f"{line.seconds:.1f}")
        table.add_row(*(Text(cell) for cell in (*cells, *counts)))
    if seats.lab:
        table.add_row(Text(seats.lab))
    return table
