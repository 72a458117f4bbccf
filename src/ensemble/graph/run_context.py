"""What a node needs of the run it takes part in: journal, models, lab, limits, seed.

It reaches nodes through LangGraph's runtime context, so that one compiled graph serves any
number of runs at once.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ensemble.agents.prompt import Briefing
from ensemble.answers.answer import Wanted
from ensemble.answers.schema import answer_schema
from ensemble.errors import OverLimit, Paused
from ensemble.graph.lab_desk import LabDesk
from ensemble.journal.digest import is_lost, whole
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import Answered, Policy, ask
from ensemble.models.provider import Candidate, ModelCall, Params, Provider

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage

_CHARS_PER_TOKEN = 3
_ENDED = ("model_replied", "model_failed")


@dataclass(frozen=True)
class Limits:
    """What a run may use; None is no limit."""

    wall_s: float | None = 1800
    usd: float | None = None
    tokens: int | None = None
    model_calls: int | None = 200
    tool_calls: int | None = 200
    lab_s: float | None = None


@dataclass
class RunContext:
    """One run, as its nodes see it."""

    journal: Journal
    briefing: Briefing
    chains: Mapping[str, tuple[Candidate, ...]]
    """Seat path to its resolved chain."""
    providers: Mapping[str, Provider]
    lab: LabDesk
    limits: Limits = Limits()
    params: Params = field(default_factory=Params)
    policy: Policy = field(default_factory=Policy)
    seed: int = 7
    said: Callable[[str, str], None] | None = None
    """Told the call's key and each piece of text as it arrives, for the display only."""
    paused: list[Paused] = field(default_factory=list[Paused])
    """Seats that wait for a person; while there is one, no further turn begins."""

    async def ask(
        self, path: str, key: str, messages: Sequence["BaseMessage"], wanted: Wanted, **about: Any
    ) -> Answered:
        """Ask the chain of the seat at `path`.

        Raises:
            ChainExhausted: no model of the chain answered.
            OverLimit: the call would cross a limit of the run.
            Paused: a person has to answer first.
        """
        said = self.said
        call = ModelCall(
            key=key,
            messages=tuple(messages),
            schema=answer_schema(wanted, brief=False),
            brief_schema=answer_schema(wanted, brief=True),
            params=self.params,
            heard=None if said is None else lambda text: said(key, text),
        )
        return await ask(
            self.chains[path],
            call,
            recorder=self.journal,
            providers=self.providers,
            policy=self.policy,
            admit=lambda candidate, asked, attempt: {
                **about,
                "reserved": self._reserved(candidate, asked, attempt),
            },
        )

    def shuffled(self, items: Sequence[Any], key: str) -> list[Any]:
        """Return the items in an order drawn by the run's seed and `key`, the same every time."""

        def place(item: tuple[int, Any]) -> str:
            return hashlib.sha256(f"{self.seed}/{key}/{item[0]}".encode()).hexdigest()

        return [item for _, item in sorted(enumerate(items), key=place)]

    def _reserved(self, candidate: Candidate, call: ModelCall, attempt: int) -> dict[str, Any]:
        """Return the call's reservation, or refuse it; what the journal holds costs nothing."""
        reserved = reservation(candidate, call)
        if self.journal.replaying or _is_recorded(self.journal, call.key, attempt):
            return reserved
        used = usage_of(self.journal, reserved, self._prices())
        for name, value in used.items():
            most = getattr(self.limits, name)
            if most is not None and value > most:
                raise OverLimit(
                    f"this call would bring {name} to {round(value, 4)}, the limit is {most}",
                    where=call.key,
                    fix=f"raise `limits.{name}` in the scenario, or seat fewer members",
                )
        return reserved

    def _prices(self) -> dict[str, tuple[float, float]]:
        return {
            f"{candidate.provider}/{candidate.model}": candidate.usd_per_mtok
            for chain in self.chains.values()
            for candidate in chain
            if candidate.usd_per_mtok is not None
        }


def reservation(candidate: Candidate, call: ModelCall) -> dict[str, Any]:
    """Return the most that one call is expected to use: tokens, and money where priced."""
    text = sum(len(str(message.content)) for message in call.messages)
    schema = len(json.dumps(call.schema)) if call.schema else 0
    sent = (text + schema) // _CHARS_PER_TOKEN
    price = candidate.usd_per_mtok
    usd = None
    if price is not None:
        usd = (sent * price[0] + call.params.max_tokens * price[1]) / 1e6
    return {"tokens": sent + call.params.max_tokens, "usd": usd}


def usage_of(
    journal: Journal,
    reserved: Mapping[str, Any],
    prices: Mapping[str, tuple[float, float]] | None = None,
) -> dict[str, float]:
    """Return what the run has used by its limits' names, with one more call as reserved.

    Args:
        journal: the run's events.
        reserved: what the further call is expected to use at most.
        prices: `provider/model` to the price of a million input and output tokens.

    A call that is under way, or was lost with its process, is booked at its reservation.
    """
    asked = {(e.key, e.attempt): e for e in journal.events if e.event == "model_asked"}
    ended = {(e.key, e.attempt): e for e in journal.events if e.event in _ENDED and not is_lost(e)}
    tokens, usd = float(reserved["tokens"]), float(reserved["usd"] or 0)
    for place, call in asked.items():
        held: Mapping[str, Any] = call.body.get("reserved") or {}
        usage: Mapping[str, Any] = {}
        if place in ended:
            usage = ended[place].body.get("usage") or {}
        else:
            tokens += float(held.get("tokens") or 0)
        told = (usage.get("input_tokens"), usage.get("output_tokens"))
        tokens += sum(number for number in told if number)
        price = (prices or {}).get(str(call.body.get("request", {}).get("model")))
        if price and told[1] is not None:
            usd += ((told[0] or 0) * price[0] + told[1] * price[1]) / 1e6
        elif place not in ended or ended[place].event == "model_replied":
            usd += float(held.get("usd") or 0)
    return {"model_calls": len(asked) + 1, "tokens": tokens, "usd": usd}


def _is_recorded(journal: Journal, key: str, attempt: int) -> bool:
    return any(
        e.event in _ENDED and e.key == key and whole(e.attempt) == attempt and not is_lost(e)
        for e in journal.recorded
    )
