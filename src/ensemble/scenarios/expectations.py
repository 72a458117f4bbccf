"""What must hold after a run: one function per kind, each None when all is well.

Each looks at the result document and the journal, and else says what it saw instead.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ensemble.journal.record import Event
from ensemble.journal.turn_key import TurnKey
from ensemble.roles import Severity
from ensemble.scenarios.spec import (
    CallExpected,
    CallsExpected,
    Expect,
    FindingsExpected,
    GateExpected,
    TextExpected,
    TurnsExpected,
    UsageExpected,
)

Document = dict[str, Any]


def check_expectations(
    expect: Expect, result: Document, events: Sequence[Event], workspace: Path | None
) -> list[Document]:
    """Return `{name, held, saw}` for everything that is expected."""
    return [
        {"name": name, "held": saw is None, "saw": saw or "as expected"}
        for name, saw in _seen(expect, result, events, workspace)
    ]


def _seen(
    expect: Expect, result: Document, events: Sequence[Event], workspace: Path | None
) -> Iterator[tuple[str, str | None]]:
    if expect.authority is not None:
        yield f"authority {'|'.join(expect.authority)}", _authority(expect.authority, result)
    if expect.position is not None:
        yield f"position {expect.position}", _position(expect.position, result)
    if expect.turns is not None:
        yield f"turns {expect.turns.match}", _turns(expect.turns, result)
    for gate in expect.evidence:
        yield f"gate {gate.id}/{gate.gate}", _gate(gate, result)
    if expect.tool_calls is not None:
        yield f"tool calls {expect.tool_calls.match}", _calls(expect.tool_calls, events)
    for call in expect.never:
        yield f"never {call.tool}", _never(call, events)
    if expect.findings is not None:
        yield "findings", _findings(expect.findings, result, workspace)
    for text in expect.output:
        yield f"output contains {text.contains!r}", _output(text, result)
    if expect.usage is not None:
        yield "usage", _usage(expect.usage, result)


def _authority(wanted: Sequence[str], result: Document) -> str | None:
    return None if result["authority"] in wanted else f"authority {result['authority']}"


def _position(wanted: str, result: Document) -> str | None:
    decision: Document = result["decision"] or {}
    took = decision.get("position")
    return None if took == wanted else f"position {took}"


def _turns(expected: TurnsExpected, result: Document) -> str | None:
    seats = [TurnKey.read(turn["key"]).place.seat for turn in result["turns"]]
    took = [seat for place, seat in enumerate(seats) if place == 0 or seats[place - 1] != seat]
    holds = {
        "strict": took == list(expected.order),
        "unordered": sorted(took) == sorted(expected.order),
        "subset": set(took) <= set(expected.order),
        "superset": set(took) >= set(expected.order),
    }[expected.match]
    return None if holds else f"the turns went {', '.join(took) or 'nowhere'}"


def _gate(expected: GateExpected, result: Document) -> str | None:
    for item in result["evidence"]:
        if expected.id not in (item["id"], item.get("name")):
            continue
        for gate in item["gates"]:
            if gate["name"] == expected.gate:
                took = gate["passed"]
                return None if took is expected.passed else f"passed: {json.dumps(took)}"
        return f"{expected.id} has the gates {', '.join(g['name'] for g in item['gates'])}"
    return f"there is no evidence {expected.id!r}"


def _made(events: Sequence[Event]) -> list[tuple[str, str]]:
    """Return (tool, canonical JSON of its arguments) of every call that was made."""
    return [
        (
            str(event.body.get("tool")),
            json.dumps(event.body.get("request"), sort_keys=True, ensure_ascii=False),
        )
        for event in events
        if event.event in ("tool_called", "lab_submitted")
    ]


def _is_call(call: CallExpected, made: tuple[str, str]) -> bool:
    tool, args = made
    return tool == call.tool and (call.args_contain is None or call.args_contain in args)


def _calls(expected: CallsExpected, events: Sequence[Event]) -> str | None:
    made = _made(events)
    missing = [c.tool for c in expected.of if not any(_is_call(c, m) for m in made)]
    beyond = [m[0] for m in made if not any(_is_call(c, m) for c in expected.of)]
    if expected.match in ("unordered", "superset") and missing:
        return f"never called: {', '.join(missing)}"
    if expected.match in ("unordered", "subset") and beyond:
        return f"also called: {', '.join(beyond)}"
    return None


def _never(call: CallExpected, events: Sequence[Event]) -> str | None:
    made = [m for m in _made(events) if _is_call(call, m)]
    return f"called {len(made)} times: {made[0][1][:120]}" if made else None


def _findings(expected: FindingsExpected, result: Document, workspace: Path | None) -> str | None:
    rank = expected.severity_at_least.rank
    counted = [f for f in result["findings"] if Severity(f["severity"]).rank <= rank]
    if len(counted) < expected.min:
        return f"{len(counted)} findings of {expected.severity_at_least} and up"
    if expected.location_exists and workspace is not None:
        lost = [
            f["id"] for f in counted if f["by"] != "lab" and not _exists(f["location"], workspace)
        ]
        if lost:
            return f"locations that do not exist: {', '.join(lost)}"
    return None


def _exists(location: str, workspace: Path) -> bool:
    name, _, line = location.strip().strip("`").partition(":")
    path = workspace / name.strip()
    if not name.strip() or not path.is_file() or not path.resolve().is_relative_to(
        workspace.resolve()
    ):  # fmt: skip
        return False
    number = line.partition("-")[0].partition(":")[0].strip()
    lines = len(path.read_text(errors="replace").splitlines())
    return not number.isdigit() or 1 <= int(number) <= lines


def _output(expected: TextExpected, result: Document) -> str | None:
    decision: Mapping[str, Any] = result["decision"] or {}
    told = [decision.get("result"), decision.get("dispositions"), result["findings"]]
    text = "\n".join(_texts(told)).lower()
    return None if expected.contains.lower() in text else "it stands nowhere in the decision"


def _texts(value: Any) -> Iterator[str]:
    """Yield every text of a JSON value, its keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in cast("Mapping[str, Any]", value).values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _texts(item)


def _usage(expected: UsageExpected, result: Document) -> str | None:
    used = result["usage"]
    tokens = used["input_tokens"] + used["output_tokens"]
    limits = [
        ("usd", used["usd"], expected.usd_max),
        ("tokens", tokens, expected.tokens_max),
        ("model_calls", used["model_calls"], expected.model_calls_max),
    ]
    over = [
        f"{name} {value}"
        for name, value, most in limits
        if most is not None and value is not None and value > most
    ]
    return ", ".join(over) or None
