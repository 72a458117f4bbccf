"""What a run has used by its limits' names, read from its journal as that grows.

A call that is under way, was lost with its process, or broke off, is booked at its reservation,
and so is one that a model worked on and nobody says what it used. What is billed above a
reservation is an overrun. Has never heard of limits: whoever asks compares.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ensemble.journal.digest import is_lost
from ensemble.journal.record import ANSWERED, Event
from ensemble.models.cost import Price, cost_usd, dearest_price_of, usage_usd
from ensemble.models.fit import most_tokens
from ensemble.models.provider import Candidate, Failure, ModelCall


def reservation(candidate: Candidate, call: ModelCall, schema: str = "") -> dict[str, Any]:
    """Return the most that one call can use: tokens, and money where priced.

    What is sent has no more tokens than bytes, nor than the window leaves beside the answer.

    Args:
        candidate: who is asked.
        call: what is asked.
        schema: the call's schema as it is sent; empty where none is.
    """
    said = call.params.max_tokens
    sent = most_tokens([*call.plain, {"content": schema}])
    if candidate.context is not None:
        sent = min(sent, max(0, candidate.context - said))
    return {"tokens": sent + said, "usd": cost_usd(dearest_price_of(candidate), sent, said)}


class Spending:
    """The sum so far; each event is read once."""

    def __init__(self, price_of: Mapping[str, Price]) -> None:
        """Take the prices of a million input and output tokens by `provider/model`."""
        self._price_of = price_of
        self._read = 0
        self._asked: dict[tuple[str, str], Event] = {}
        self._open: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._held: dict[str, Mapping[str, Any]] = {}
        self._tokens = 0.0
        self._usd = 0.0
        self.overrun = {"tokens": 0.0, "usd": 0.0}
        """What was billed above the reservations."""

    def hold(self, key: str, worst: Mapping[str, Any]) -> None:
        """Keep what a call may need until it is answered or released."""
        self._held[key] = worst

    def release(self, key: str) -> None:
        """Let go of what is held for a call."""
        self._held.pop(key, None)

    def read(self, events: Sequence[Event]) -> None:
        """Take in the run's events, from its start; only those not seen before are read."""
        for event in events[self._read :]:
            self._take(event)
        self._read = len(events)

    def with_one_more(
        self, events: Sequence[Event], reserved: Mapping[str, Any], key: str = ""
    ) -> dict[str, float]:
        """Return what the run has used and holds, with one more call as reserved.

        Args:
            events: the run's, from its start.
            reserved: what the further call is expected to use at most.
            key: the further call's, which does not compete with what is held for itself.
        """
        self.read(events)
        under_way = {asked for asked, _ in self._open}
        waiting = [
            worst for name, worst in self._held.items() if name != key and name not in under_way
        ]
        held = [reserved, *waiting, *self._open.values()]
        return {
            "model_calls": len(self._asked) + len(waiting) + 1,
            "tokens": self._tokens + sum(float(one.get("tokens") or 0) for one in held),
            "usd": self._usd + sum(float(one.get("usd") or 0) for one in held),
        }

    def _take(self, event: Event) -> None:
        place = (event.key, event.attempt)
        if event.event == "model_asked":
            self._asked[place] = event
            self._open[place] = event.body.get("reserved") or {}
        elif event.event in ANSWERED["model"] and not is_lost(event) and place in self._open:
            self._book(event, self._asked[place], self._open.pop(place))
            if event.event == "model_replied":
                self.release(event.key)
            if is_spared(event):
                del self._asked[place]

    def _book(self, ended: Event, asked: Event, held: Mapping[str, Any]) -> None:
        usage: Mapping[str, Any] = ended.body.get("usage") or {}
        sent, said = usage.get("input_tokens"), usage.get("output_tokens")
        most = {name: float(held.get(name) or 0) for name in self.overrun}
        worked = ended.event == "model_replied" or "usage" in ended.body or "partial" in ended.body
        billed = dict(most) if worked else dict.fromkeys(most, 0.0)
        told = {"tokens": float((sent or 0) + (said or 0))}
        price = self._price_of.get(str(asked.body.get("request", {}).get("model")))
        if price:
            told["usd"] = usage_usd(price, usage) or 0.0
        if sent is not None and said is not None:
            billed |= told
        else:
            billed |= {name: max(billed[name], value) for name, value in told.items()}
        self._tokens += billed["tokens"]
        self._usd += billed["usd"]
        for name, value in billed.items():
            self.overrun[name] += max(0.0, value - most[name])


def is_spared(event: Event) -> bool:
    """Return whether an attempt ended without its model being asked at all."""
    never_asked = event.body.get("class") in (Failure.CIRCUIT_OPEN, Failure.FORM_CLOSED)
    return never_asked or "over" in event.body or bool(event.body.get("cached"))
