"""A script in place of a model: it says what a test told it to say, and fails if misused.

A script is a provider like any other. It fails when it is asked more than it holds, and when
it is closed with lines left that nobody asked for.
"""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from ensemble.errors import EnsembleError
from ensemble.journal.turn_key import place_of
from ensemble.models.fit import counted
from ensemble.models.provider import Candidate, ModelCall, ModelFailure, Reply, Usage

if TYPE_CHECKING:
    from typing_extensions import TypeIs

Said = str | Mapping[str, Any] | Reply | ModelFailure
Line = Said | Callable[[Candidate, ModelCall], Said]
"""What is answered: text, data to be sent as JSON, a whole reply, a failure to raise, or a
function of candidate and call that returns one of these."""

Lines = Line | Sequence[Line]
"""One line for every call, or several: one per call, in order, each exactly once."""

_EVERYONE: Final = ""


class ScriptFault(EnsembleError):
    """A script and the run do not fit each other."""


@dataclass
class Script:
    """The provider that speaks a script. Make it with `scripted`."""

    lines: dict[str, Lines]
    """By key of the call, of the turn, seat path or seat; the longest that fits wins."""
    delay_s: float = 0.0
    """How long each answer takes."""
    asked: list[ModelCall] = field(default_factory=list[ModelCall])
    """Every call so far, in order of arrival."""
    _told: dict[str, int] = field(default_factory=dict[str, int])

    async def __call__(self, candidate: Candidate, call: ModelCall) -> Reply:
        """Answer as the script says."""
        self.asked.append(call)
        line = self._next_line(call.key)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if callable(line):
            line = line(candidate, call)
        if isinstance(line, ModelFailure):
            raise line
        reply = line if isinstance(line, Reply) else _reply(line, candidate, call)
        if call.heard is not None:
            call.heard(reply.text)
        return reply

    def left_over(self) -> list[str]:
        """Return the places of the script from which not every line was spoken."""
        return [
            f"{place or 'everyone'}: {self._told.get(place, 0)} of {_count(lines)} spoken"
            for place, lines in self.lines.items()
            if self._told.get(place, 0) < _count(lines)
        ]

    def close(self) -> None:
        """Check that nothing is left over.

        Raises:
            ScriptFault: lines were left that nobody asked for.
        """
        if left := self.left_over():
            raise ScriptFault(
                f"lines were left over: {'; '.join(left)}",
                where="script",
                fix="take them out, or find out why the run did not ask",
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, unless an error is under way already."""
        if kind is None:
            self.close()

    def _next_line(self, key: str) -> Line:
        place = next((p for p in _places(key) if p in self.lines), None)
        if place is None:
            raise ScriptFault(
                "the script has no line for this call",
                where=key,
                fix=f"add one under {key!r}, its turn or its seat",
            )
        lines = self.lines[place]
        number = self._told.get(place, 0)
        self._told[place] = number + 1
        if not _is_several(lines):
            return lines
        if number >= len(lines):
            self._told[place] = number
            raise ScriptFault(
                f"the script's {len(lines)} lines for {place or 'everyone'!r} are spoken",
                where=key,
                fix="add a line, or give one line instead of a list to repeat it",
            )
        return lines[number]


def scripted(
    script: "str | Reply | ModelFailure | Sequence[Line] | Mapping[str, Lines]",
    *,
    delay_s: float = 0.0,
) -> Script:
    """Return a provider that answers by `script`.

    Args:
        script: lines for whoever asks; or lines by place, which is the key of a call
            (`panel[0]/panel_member#0/model#0`), of a turn (`panel[0]/panel_member#0`), a
            seat path (`panel[0]`), a seat (`panel`) or `*` for everyone else.
        delay_s: how long each answer takes.

    A list under a place that several calls share is spoken in order of their arrival. A run
    that is killed and resumed in another process wants its lines by call, one each.
    """
    if isinstance(script, Mapping):
        places = {(_EVERYONE if at == "*" else at): lines for at, lines in script.items()}
        return Script(places, delay_s)
    return Script({_EVERYONE: script}, delay_s)


def _places(key: str) -> list[str]:
    """Return the places that hold lines for `key`, nearest first."""
    parts = key.split("/")
    nested = ["/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return [*nested, place_of(parts[0]).seat, _EVERYONE]


def _is_several(lines: Lines) -> "TypeIs[Sequence[Line]]":
    return isinstance(lines, Sequence) and not isinstance(lines, str)


def _count(lines: Lines) -> int:
    return len(lines) if _is_several(lines) else 1


def _reply(line: str | Mapping[str, Any], candidate: Candidate, call: ModelCall) -> Reply:
    text = line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
    said = counted([{"content": text}])
    return Reply(
        text=text,
        served=f"{candidate.provider}/{candidate.model}",
        usage=Usage(counted(call.plain), 0, said),
    )
