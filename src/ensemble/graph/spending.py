"""What a run has used by its limits' names, read from its journal as that grows.

A call that is under way, or was lost with its process, is booked at its reservation. Has never
heard of limits: whoever asks compares.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ensemble.journal.digest import is_lost
from ensemble.journal.record import ANSWERED, Event
from ensemble.models.cost import Price, cost_usd, text_tokens
from ensemble.models.provider import Candidate, ModelCall


def reservation(candidate: Candidate, call: ModelCall, schema: str = "") -> dict[str, Any]:
    """Return the most that one call is expected to use: tokens, and money where priced.

    Args:
        candidate: who is asked.
        call: what is asked.
        schema: the call's schema as it is sent; empty where none is.
    """
    text = "".join(str(message.content) for message in call.messages)
    sent = text_tokens(text + schema)
    usd = cost_usd(candidate.usd_per_mtok, sent, call.params.max_tokens)
    return {"tokens": sent + call.params.max_tokens, "usd": usd}


class Spending:
    """The sum so far; each event is read once."""

    def __init__(self, price_of: Mapping[str, Price]) -> None:
        """Take the prices of a million input and output tokens by `provider/model`."""
        self._price_of = price_of
        self._read = 0
        self._asked: dict[tuple[str, str], Event] = {}
        self._open: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._tokens = 0.0
        self._usd = 0.0

    def with_one_more(
        self, events: Sequence[Event], reserved: Mapping[str, Any]
    ) -> dict[str, float]:
        """Return what the run has used, with one more call as reserved.

        Args:
            events: the run's, from its start; only those not seen before are read.
            reserved: what the further call is expected to use at most.
        """
        for event in events[self._read :]:
            self._take(event)
        self._read = len(events)
        held = [reserved, *self._open.values()]
        return {
            "model_calls": len(self._asked) + 1,
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

    def _book(self, ended: Event, asked: Event, held: Mapping[str, Any]) -> None:
        usage: Mapping[str, Any] = ended.body.get("usage") or {}
        sent, said = usage.get("input_tokens"), usage.get("output_tokens")
        self._tokens += (sent or 0) + (said or 0)
        price = self._price_of.get(str(asked.body.get("request", {}).get("model")))
        if price and said is not None:
            self._usd += cost_usd(price, sent or 0, said) or 0.0
        elif ended.event == "model_replied":
            self._usd += float(held.get("usd") or 0)
