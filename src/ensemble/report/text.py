"""One run on one screen: authority first, then position, reasons, findings, evidence, cost."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ensemble.graph.person import Question
from ensemble.journal.turn_key import TurnKey
from ensemble.models.manual import file_name
from ensemble.models.provider import is_by_hand
from ensemble.roles import TurnStatus

_WIDTH: Final = 100
_MARKS: Final = {True: "passed", False: "FAILED", None: "open"}


def screen(result: Mapping[str, Any], *, notes: Sequence[str] = ()) -> str:
    """Return a result document as the screen that a person reads first."""
    parts = [
        _head(result),
        _waiting(result),
        _decision(result),
        _table("Findings", _findings(result)),
        _table("Measured", _evidence(result)),
        _table("Seats", _seats(result)),
        _table("Fell back", _walks(result)),
        _table("Lost", _lost(result)),
        _table("Escalated", _escalations(result)),
        _cost(result),
        _expectations(result),
        _foot(result, notes),
    ]
    return "\n\n".join(part for part in parts if part)


def cause_of(turn: Mapping[str, Any]) -> str:
    """Return the first thing that cost a seat its answer; empty where it was not lost."""
    if turn["status"] in (TurnStatus.ANSWERED, TurnStatus.NOT_NEEDED):
        return ""
    for first in turn["fallbacks"]:
        return f"{_line(first['error'])} ({first['model']}, {first['class']})"
    return _line(turn["problem"] or "it is not known why")


def _head(result: Mapping[str, Any]) -> str:
    decision: Mapping[str, Any] = result["decision"] or {}
    case = f" ({result['case']})" if result["case"] else ""
    if not decision:
        ended = result["error"]
        status = f"{str(result['status']).upper()}: no decision{'' if ended else ' yet'}"
        after = "" if result["waiting"] else f"  go on with it: ensemble resume {result['run']}"
        told = textwrap.indent(ended, "  ") if ended else after
        return f"{status}    {result['scenario']}{case}\n{told}".rstrip()
    lines = [
        (
            f"{str(result['authority']).upper()}: "
            f"{_line(decision.get('position') or 'no position')}"
            f"    {result['scenario']}{case}, {result['status']}"
        )
    ]
    lines += [f"  - {reason}" for reason in result["authority_reasons"]]
    seen: Mapping[str, Any] = result["witnesses"]
    served = {str(turn["served"] or "") for turn in result["turns"] if turn["served"]}
    by_hand = bool(served) and all(map(is_by_hand, served))
    who = "by hand" if by_hand else f"{seen['effective']:g} different models among them"
    lines.append(f"  {seen['answered']} of {seen['seated']} voters answered, {who}")
    return "\n".join(lines)


def _waiting(result: Mapping[str, Any]) -> str:
    """Return each question that waits, whole, with the way to answer it."""
    lines = ["Waiting:"]
    for item in result["waiting"]:
        question = Question(item["key"], item["question"], tuple(item["choices"]))
        lines.append(f"  {_line(question.key)}")
        if TurnKey.read(question.key).is_of_model:
            begun = Path(result["journal"]).parent / "manual" / file_name(question.key)
            lines.append(f"    read:   {begun}.prompt.md")
            lines.append(f"    answer: in {begun}.answer.md, then ensemble resume {result['run']}")
        else:
            lines.append(textwrap.indent(question.text, "  | ", lambda _: True))
            lines.append(f"    answer: {question.command(result['run'])}")
    return "\n".join(lines) if result["waiting"] else ""


def _decision(result: Mapping[str, Any]) -> str:
    decision: Mapping[str, Any] = result["decision"] or {}
    if not decision:
        return ""
    lines: list[str] = []
    if decision["fixed_by_rule"]:
        lines.append(_wrapped("The position is fixed by rule: ", decision["fixed_by_rule"]))
    if decision["result"]:
        confidence: Mapping[str, Any] = decision["confidence"]
        told = f"{decision['seat']} (confidence {confidence['level']}, uncalibrated): "
        lines.append(_wrapped(told, decision["result"]))
    for claim in decision["claims"]:
        evidence = f" by {_line(claim['evidence'])}" if claim["evidence"] else ""
        lines.append(_wrapped(f"  {claim['state']}{evidence}: ", claim["text"]))
    minority = [f"{item['seat']} {_line(item['position'])}" for item in decision["minority"]]
    if minority:
        lines.append(_wrapped("Of another mind: ", ", ".join(minority)))
    for item in decision.get("overrides", ()):
        why = f": {item['reason']}" if item["reason"] else ""
        lines.append(_wrapped("Set aside: ", f"{item['what']} by {item['by']}{why}"))
    for flip in result.get("flips", ()):
        told = f"{flip['seat']} from {flip['from']} to {flip['to']}, with nothing new to go on"
        lines.append(_wrapped("Flipped: ", told))
    if decision.get("confirmed"):
        word = decision["confirmed"]
        lines.append(_wrapped("A person's word: ", f"{word['word']} {word['why']}"))
    return "\n".join(lines)


def _findings(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    decision: Mapping[str, Any] = result["decision"] or {}
    states = {item["finding"]: item["state"] for item in decision.get("dispositions", ())}
    return [
        (
            item["id"],
            item["severity"],
            states.get(item["id"], "open"),
            item["evidence"] or item["by"],
            f"{item['title']} ({item['location']})" if item["location"] else item["title"],
        )
        for item in result["findings"]
    ]


def _evidence(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for item in result["evidence"]:
        cached = ", cached" if item["cached"] else ""
        head = (item["id"], f"{item['tool']}{cached}")
        if item["status"] != "ok":
            rows.append((*head, item["status"], str(item["error"] or "")))
        for gate in item["gates"]:
            rows.append((*head, _MARKS[gate["passed"]], _gate(gate)))
            head = ("", "")
        if item["status"] == "ok" and not item["gates"]:
            rows.append((*head, "", _figures(item["value"])))
    return rows


def _gate(gate: Mapping[str, Any]) -> str:
    detail = gate.get("detail") or f"{gate['value']} against {gate['threshold']}"
    return f"{gate['name']}: {detail}"


def _figures(value: Mapping[str, Any]) -> str:
    shown = [
        f"{name} {item:.4g}" if isinstance(item, float) else f"{name} {item}"
        for name, item in value.items()
        if isinstance(item, (int, float)) and not isinstance(item, bool)
    ]
    return ", ".join(shown[:5])


def _seats(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            str(turn["key"]),
            turn["agent"],
            _line(turn["position"] or turn["status"]),
            _served(turn),
            _tokens(turn["usage"]),
            _time(turn["usage"]),
        )
        for turn in result["turns"]
    ]


def _walks(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return who came before the model that answered: how it failed, or why it was not asked."""
    answered = [turn for turn in result["turns"] if turn["status"] == TurnStatus.ANSWERED]
    failed = [
        (str(turn["key"]), tried["model"], tried["class"], _line(tried["error"]))
        for turn in answered
        for tried in turn.get("fallbacks", ())
    ]
    seats: dict[tuple[str, str], list[str]] = {}
    for turn in answered:
        for item in turn.get("passed_over", ()):
            who = seats.setdefault((item["asked"], _line(item["reason"])), [])
            who.append(str(TurnKey.read(turn["key"]).path))
    passed = [
        (_named(list(dict.fromkeys(who)), answered), asked, "not asked", reason)
        for (asked, reason), who in seats.items()
    ]
    return failed + passed


def _named(paths: Sequence[str], answered: Sequence[Mapping[str, Any]]) -> str:
    """Return which seats these are."""
    everyone = {TurnKey.read(turn["key"]).path for turn in answered}
    return "every seat" if len(everyone) > 1 and everyone == set(paths) else ", ".join(paths)


def _lost(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(str(turn["key"]), cause_of(turn)) for turn in result["turns"] if cause_of(turn)]


def _escalations(result: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            f"{item['by']} ({item['agent']})",
            f"to {item.get('resolved') or item['to']}",
            "; ".join(item.get("because", ())) or f"confidence {item['confidence']}",
        )
        for item in result["escalations"]
    ]


def _served(turn: Mapping[str, Any]) -> str:
    kept = turn["usage"].get("from_cache")
    return f"{turn['served'] or 'nobody'}{' (from the cache)' if kept else ''}"


def _time(usage: Mapping[str, Any]) -> str:
    """Return how long a seat's answers took, and how fast that was, waiting included."""
    pace = usage.get("tokens_per_s")
    told = "" if pace is None else f", {pace:.1f} tokens/s"
    return f"{usage.get('seconds', 0):.1f} s{told}"


def _tokens(usage: Mapping[str, Any]) -> str:
    cached = usage.get("cached_tokens") or 0
    told = f"{usage.get('input_tokens', 0)} in"
    return f"{told} ({cached} cached), {usage.get('output_tokens', 0)} out"


def _cost(result: Mapping[str, Any]) -> str:
    usage: Mapping[str, Any] = result["usage"]
    money = {"all": f"{usage['usd'] or 0:.4f} USD", "some": f"{usage['usd'] or 0:.4f} USD and more"}
    price = money.get(usage["priced"], "price unknown" if usage["model_calls"] else "no cost")
    return (
        f"Cost: {usage['model_calls']} model calls, {_tokens(usage)} tokens, {price}, "
        f"{usage['wall_s']:.1f} s{_spared(usage['cache'])}"
    )


def _spared(cache: Mapping[str, Any]) -> str:
    """Return what kept replies have spared; nothing where they were not looked at."""
    if not cache["on"]:
        return ""
    if not cache["replies"]:
        return "\nNone of the replies came from the cache"
    had_cost = (
        "" if cache["usd_saved"] is None else f", which had cost {cache['usd_saved']:.4f} USD"
    )
    return f"\nFrom the cache: {cache['replies']} of the replies, at no cost{had_cost}"


def _expectations(result: Mapping[str, Any]) -> str:
    missed = [item for item in result["expectations"] if not item["held"]]
    total = len(result["expectations"])
    if not total or result["decision"] is None:
        return ""
    lines = [f"Expectations: {total - len(missed)} of {total} held"]
    lines += [f"  not held: {item['name']}: {item['saw']}" for item in missed]
    return "\n".join(lines)


def _foot(result: Mapping[str, Any], notes: Sequence[str]) -> str:
    lines = [*notes, f"Journal: {result['journal']}", f"Digest: {result['digest']}"]
    return "\n".join(lines)


def _line(text: Any) -> str:
    """Return a model's text as one line: it must not look like a line of ours."""
    return " ".join(str(text).split())


def _table(title: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Lay rows out in columns; the last column wraps."""
    if not rows:
        return ""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]) - 1)]
    left = sum(widths) + 2 * len(widths) + 2
    lines = [f"{title}:"]
    for row in rows:
        cells = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=False))
        lines.append(_wrapped(f"  {cells}  ", row[-1], left))
    return "\n".join(lines)


def _wrapped(head: str, text: str, indent: int | None = None) -> str:
    flat = _line(text)
    pad = " " * (min(len(head), 24) if indent is None else indent)
    width = max(_WIDTH, len(pad) + 30)
    return textwrap.fill(flat, width, initial_indent=head, subsequent_indent=pad) or head.rstrip()
