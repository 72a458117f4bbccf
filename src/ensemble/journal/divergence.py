"""The first place where a replay asks, or gets, something else than its recording holds.

Always "recorded" and "now". A call that differs stops the replay at once; other differences
(an agent's file, a rule's outcome) are kept and told at the end, where no call differed.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from ensemble.errors import Diverged
from ensemble.journal.digest import is_lost, reduced, whole
from ensemble.journal.record import ANSWERED, ASKED, Event
from ensemble.journal.redaction import Redactor

_DIFF_LINES: Final = 24
_SHORT: Final = 160
_CAUSES: Final = (
    ("agents", "agent file"),
    ("graph", "graph"),
    ("workspace", "fixture"),
    ("models", "model parameters"),
    ("lab", "lab"),
)


class Divergence:
    """Knows the recording's calls by number, and which inputs changed since."""

    def __init__(self, recorded: Sequence[Event], shown: Redactor | None = None) -> None:
        """Take the recording; `shown` takes secrets out of what is told of a difference."""
        self._shown = shown or Redactor.of_shapes()
        outcomes = {name for names in ANSWERED.values() for name in names}
        asked: dict[tuple[str, int], int] = {}
        for place, event in enumerate(recorded):
            if event.event in ASKED.values():
                asked.setdefault((event.key, whole(event.attempt)), place)
        answered = [e for e in recorded if e.event in outcomes and not is_lost(e)]
        # In the order in which they were asked: answers of one step arrive as they like.
        calls = sorted(answered, key=lambda e: asked.get((e.key, whole(e.attempt)), len(recorded)))
        self._numbers = {(e.key, whole(e.attempt)): n for n, e in enumerate(calls, 1)}
        self._intents = {
            (e.event, e.key, whole(e.attempt)): e for e in recorded if e.event in ASKED.values()
        }
        self.record_again = "ensemble rerecord SCENARIO --case CASE"
        """The command that makes this recording again."""
        self._met: list[tuple[int, Diverged]] = []
        self._changes: list[tuple[Event, str, Any, Any]] = []

    def changed(self, recorded: Event, now: Mapping[str, Any]) -> None:
        """Remember that an event came out otherwise than recorded."""
        for path, before, after in changed_fields(reduced(recorded.body), now):
            self._changes.append((recorded, path, before, after))

    def first_met(self) -> Diverged:
        """Return the difference met at the earliest call, whichever seat came to it first."""
        return min(self._met, key=lambda met: met[0])[1]

    def differs(self, outcome: Event, asked: str, now: Mapping[str, Any]) -> None:
        """Note and explain a call whose request is not the recorded one."""
        intent = self._intents.get((asked, outcome.key, whole(outcome.attempt)))
        before: Mapping[str, Any] = intent.body.get("request", {}) if intent else {}
        paths = [self._shown.clean(path) for path, *_ in changed_fields(before, now)]
        # Before anything is cut: half a secret would not be found.
        one, two = _pretty(self._shown.clean(before)), _pretty(self._shown.clean(now))
        lines = list(difflib.unified_diff(one, two, "recorded", "now", n=1, lineterm=""))
        lines = lines or ["only the value of a secret of this environment differs"]
        shown = "\n".join(f"    {line[:200]}" for line in lines[:_DIFF_LINES])
        more = len(lines) - _DIFF_LINES
        shown += f"\n    … {more} more lines" if more > 0 else ""
        number = self._numbers.get((outcome.key, whole(outcome.attempt)))
        call = f"call {number} of {len(self._numbers)}" if number else "a call of this run"
        who = _who(intent.body if intent else {})
        error = self._diverged(
            f"{call} asks something else than was recorded\n"
            f"  field: {', '.join(paths[:3]) or 'request'}\n{shown}",
            where=f"{outcome.key}{who}",
        )
        self._met.append((number or len(self._numbers), error))

    def unknown(
        self, key: str, attempt: int, now: Mapping[str, Any], about: Mapping[str, Any]
    ) -> Diverged:
        """Explain a call that the recording does not hold."""
        listed = json.dumps(self._shown.clean(now), ensure_ascii=False, sort_keys=True)[:300]
        return self._diverged(
            f"the recording holds no such call (attempt {attempt})\n  now: {listed}",
            where=f"{key}{_who(about)}",
        )

    def raise_first(self, unused: Sequence[Event]) -> None:
        """Raise the first difference that did not show in a call; return where there is none."""
        if self._changes:
            event, *difference = self._changes[0]
            path, before, after = self._shown.clean(difference)
            raise self._diverged(
                f"{event.event} differs\n  field: {path}\n  recorded: {_short(before)}\n"
                f"  now: {_short(after)}",
                where=event.key,
            )
        if unused:
            first = min(unused, key=lambda e: self._numbers[(e.key, whole(e.attempt))])
            number = self._numbers[(first.key, whole(first.attempt))]
            raise self._diverged(
                f"{len(unused)} recorded calls were never asked for; the first is call {number}",
                where=first.key,
            )

    def _diverged(self, problem: str, *, where: str) -> Diverged:
        inputs = [change for change in self._changes if change[0].event == "run_started"]
        cause = next(
            (
                f"{name} ({self._shown.clean(path)})"
                for _, path, *_ in inputs
                for mark, name in _CAUSES
                if path.removeprefix("value.").startswith(mark)
            ),
            "scenario" if inputs else "order, or another version of the code",
        )
        return Diverged(
            f"{problem}\n  cause: {cause}",
            where=where,
            fix=f"undo the change, or record again: `{self.record_again}`",
        )


def changed_fields(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, recorded, now) of every leaf in which two JSON values differ."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        left, right = cast("Mapping[str, Any]", before), cast("Mapping[str, Any]", now)
        for key in dict.fromkeys([*left, *right]):
            step = f"{path}.{key}" if path else key
            yield from changed_fields(left.get(key), right.get(key), step)
    elif isinstance(before, list) and isinstance(now, list):
        one, two = cast("list[Any]", before), cast("list[Any]", now)
        for index in range(max(len(one), len(two))):
            item = one[index] if index < len(one) else None
            other = two[index] if index < len(two) else None
            yield from changed_fields(item, other, f"{path}[{index}]")
    elif before != now:
        yield path, before, now


def _who(body: Mapping[str, Any]) -> str:
    named = [str(body[name]) for name in ("role", "agent") if body.get(name)]
    return f" ({', '.join(named)})" if named else ""


def _pretty(value: Any) -> list[str]:
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    return text.replace("\\n", "\n").split("\n")


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHORT else f"{text[:_SHORT]}…"
