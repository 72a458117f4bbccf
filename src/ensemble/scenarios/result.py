"""The result document: a run's journal read as what a person or a program wants to know.

Made of events alone, so a live run, a replay and a run read back from disk give the same.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from ensemble.graph.person import questions_open
from ensemble.graph.spending import Spending, is_spared
from ensemble.graph.state import in_order
from ensemble.journal.digest import digest
from ensemble.journal.record import ANSWERED, Event
from ensemble.journal.turn_key import TurnKey
from ensemble.models.cost import Price, price_from, usage_usd
from ensemble.roles import RunStatus

SCHEMA = "ensemble/result@1"
RESULTS_SCHEMA = "ensemble/results@1"
_TIMED_FROM_S = 0.2
"""An answer that came faster came all at once, or from a script: its pace says nothing."""

Document = dict[str, Any]


def result_of(
    run: str,
    events: Sequence[Event],
    *,
    journal: str,
    status: str | None = None,
) -> Document:
    """Return the result document of a run.

    Args:
        run: its id.
        events: its journal.
        journal: path of the journal file.
        status: how it ended, where its journal does not say.

    What had to hold, and whether that is enough, is the scenario's to say: empty here.
    """
    inputs = _value(events, "run_started")
    ended = _value(events, "run_ended")
    decided = _value(events, "decided")
    turns = [cast("Document", e.value) for e in events if e.event == "turn_ended"]
    chains = _value(events, "resolved").get("chains", {})
    usage_by_turn = _usage_by_turn(events)
    return {
        "schema": SCHEMA,
        "run": run,
        "scenario": inputs.get("scenario"),
        "case": inputs.get("case"),
        "status": ended.get("status") or status or _unended(events),
        "error": ended.get("error"),
        "waiting": [
            {"key": key, **question.document()} for key, question in questions_open(events).items()
        ],
        "authority": decided.get("authority", "void"),
        "authority_reasons": [
            *decided.get("authority_reasons", ["the run reached no decision"]),
            *_not_new(events),
        ],
        "witnesses": decided.get("witnesses", {"seated": 0, "answered": 0, "effective": 0.0}),
        "decision": decided.get("decision"),
        "turns": [
            {
                **_turn(turn, usage_by_turn),
                "passed_over": _passed_over(turn, chains.get(turn["path"], ())),
            }
            for turn in sorted(turns, key=in_order)
        ],
        "findings": decided.get("findings", []),
        "flips": decided.get("flips", []),
        "evidence": evidence_in(events),
        "escalations": [e.value for e in events if e.event == "escalated"],
        "usage": usage_of(events),
        "expectations": [],
        "trusted": False,
        "journal": journal,
        "digest": ended.get("digest") or digest(events),
    }


def _unended(events: Sequence[Event]) -> str:
    """Return how a run stands that has not ended: it waits, or was cut short."""
    return RunStatus.PAUSED if questions_open(events) else RunStatus.CANCELLED


def usage_of(events: Sequence[Event]) -> Document:
    """Return what a run used: calls, tokens, money where priced, seconds."""
    calls = [e for e in events if e.event in ANSWERED["model"] and not is_spared(e)]
    usages = [cast("Mapping[str, Any]", e.body.get("usage") or {}) for e in calls]
    prices = _prices(events)
    asked = {
        (e.key, e.attempt): e.body.get("request", {}).get("model")
        for e in events
        if e.event == "model_asked"
    }
    costs = [
        _usd(e.body.get("served") or asked.get((e.key, e.attempt)), usage, prices)
        for e, usage in zip(calls, usages, strict=True)
        if e.event == "model_replied" or usage.get("output_tokens") is not None
    ]
    priced = "all" if all(c is not None for c in costs) else "none"
    if priced == "none" and any(c is not None for c in costs):
        priced = "some"
    at = [e.at for e in events if e.at]
    return {
        "model_calls": len(calls),
        "input_tokens": _total(usages, "input_tokens"),
        "cached_tokens": _total(usages, "cached_tokens"),
        "written_tokens": _total(usages, "written_tokens"),
        "output_tokens": _total(usages, "output_tokens"),
        "usd": round(sum(c or 0.0 for c in costs), 6) if priced != "none" else None,
        "priced": priced if costs else "none",
        "overrun": _overrun(events, prices),
        "cache": _from_cache(events, prices),
        "wall_s": round(max(at) - min(at), 3) if at else 0.0,
    }


def _from_cache(events: Sequence[Event], prices: Mapping[str, Price]) -> Document:
    """Return whether replies of earlier runs could answer, how many did, and what they had cost."""
    replies = [e for e in events if e.event == "model_replied"]
    costs = [
        _usd(e.body["served"], e.body["cached"].get("usage") or {}, prices)
        for e in replies
        if e.body.get("cached")
    ]
    known = [cost for cost in costs if cost is not None]
    return {
        "on": any("cached" in e.body for e in replies),
        "replies": len(costs),
        "usd_saved": round(sum(known), 6) if known else None,
    }


def _not_new(events: Sequence[Event]) -> list[str]:
    """Return that kept replies are no new evidence, where there are any."""
    replies = [e for e in events if e.event == "model_replied"]
    kept = sum(bool(e.body.get("cached")) for e in replies)
    told = f"{kept} of {len(replies)} replies are those of earlier runs: no new evidence"
    return [told] if kept else []


def _overrun(events: Sequence[Event], prices: Mapping[str, Price]) -> Document:
    """Return what providers billed above what was reserved for their calls."""
    spending = Spending(prices)
    spending.read(events)
    return {"tokens": int(spending.overrun["tokens"]), "usd": round(spending.overrun["usd"], 6)}


def _value(events: Sequence[Event], name: str) -> Document:
    found = [e for e in events if e.event == name]
    return cast("Document", found[-1].value) if found else {}


def _turn(turn: Document, usage: Mapping[str, Document]) -> Document:
    answer = cast("Document", turn["answer"] or {})
    named = ("key", "agent", "version", "sha256", "role", "mode", "tool_mode", "status")
    return {
        **{name: turn[name] for name in named},
        "asked": turn["asked"],
        "served": turn["served"],
        "fallbacks": turn["fallbacks"],
        "position": answer.get("position"),
        "envelope": answer,
        "problem": turn["problem"],
        "truncated": turn["truncated"],
        "usage": usage.get(turn["key"], {}),
    }


def _passed_over(turn: Document, chain: Sequence[Document]) -> list[Document]:
    """Return who was wished for before the model that answered and could not be asked, and why."""
    routes = [f"{item['provider']}/{item['model']}" for item in chain]
    before = chain[: routes.index(turn["served"])] if turn["served"] in routes else chain
    return [
        {"asked": item["asked"], "reason": item["reason"]}
        for item in before
        if not item["available"]
    ]


def _usage_by_turn(events: Sequence[Event]) -> dict[str, Document]:
    calls: dict[str, list[Event]] = {}
    for event in events:
        if event.event in ANSWERED["model"]:
            calls.setdefault(TurnKey.read(event.key).turn, []).append(event)
    return {key: _turn_usage(made) for key, made in calls.items()}


def _turn_usage(calls: Sequence[Event]) -> Document:
    usages = [cast("Mapping[str, Any]", e.body.get("usage") or {}) for e in calls]
    written = _total(usages, "output_tokens")
    replied_s = sum(float(e.body.get("seconds") or 0) for e in calls if e.event == "model_replied")
    return {
        "model_calls": sum(not is_spared(e) for e in calls),
        "input_tokens": _total(usages, "input_tokens"),
        "cached_tokens": _total(usages, "cached_tokens"),
        "written_tokens": _total(usages, "written_tokens"),
        "output_tokens": written,
        "tokens_per_s": round(written / replied_s, 1)
        if written and replied_s >= _TIMED_FROM_S
        else None,
        "from_cache": sum(bool(e.body.get("cached")) for e in calls),
        "seconds": round(sum(float(e.body.get("seconds") or 0) for e in calls), 3),
    }


def _total(usages: Sequence[Mapping[str, Any]], name: str) -> int:
    return sum(int(usage.get(name) or 0) for usage in usages)


def _prices(events: Sequence[Event]) -> dict[str, Price]:
    chains = cast("dict[str, list[Document]]", _value(events, "resolved").get("chains", {}))
    return {
        f"{item['provider']}/{item['model']}": price
        for chain in chains.values()
        for item in chain
        if (price := price_from(item.get("usd_per_mtok"), item.get("usd_cached_per_mtok")))
    }


def _usd(route: Any, usage: Mapping[str, Any], prices: Mapping[str, Price]) -> float | None:
    if usage.get("output_tokens") is None:
        return None
    return usage_usd(prices.get(str(route)), usage)


def evidence_in(events: Sequence[Event]) -> list[Document]:
    """Return what was measured, numbered as the run did: by batch, then as it was asked for."""
    told = cast("list[Document]", _value(events, "decided").get("evidence", ()))
    submitted = {e.key: e.body for e in events if e.event == "lab_submitted"}
    returned = [e for e in events if e.event == "lab_returned"]
    return [
        {
            "id": f"L{number}",
            "name": submitted.get(event.key, {}).get("name"),
            "asked_by": submitted.get(event.key, {}).get("asked_by", []),
            **cast("Document", event.value),
            **(told[number - 1] if number <= len(told) else {}),
        }
        for number, event in enumerate(returned, 1)
    ]
