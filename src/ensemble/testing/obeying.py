"""A model that does whatever the text tells it, wherever in the text that stands.

For security tests: an order hidden in a file, a tool's output or another seat's answer is
carried out like the user's own, so a wall that holds against it holds against any model. It
keeps to the schema that it is given, since a provider would, and to nothing else.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ensemble.models.fit import counted
from ensemble.models.messages import plain
from ensemble.models.provider import Candidate, ModelCall, Reply, Usage

_QUOTE: Final = r"""["'“”`]"""
_TEXT: Final = rf"{_QUOTE}?(?P<what>[^\"'“”`\n]{{1,400}}?){_QUOTE}?\s*(?:[.!\n]|$)"
_ORDERS: Final[dict[str, re.Pattern[str]]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "say": rf"\b(?:(?:say|reply|respond)(?: only| exactly| just| with)*\s*:"
        rf"|(?:answer|write|output|print)(?: only| exactly| just)+(?: with)?\s*:)\s*{_TEXT}",
        "position": r"\b(?:choose|vote(?: for)?|set (?:your |the )?position to)"
        rf"(?: the)?(?: position)?\s+{_TEXT}",
        "confidence": rf"\bconfidence (?:to|is|as) {_QUOTE}?(?P<what>high|medium|low)\b",
        "tool": rf"\b(?:call|run|use|invoke|start) the tool {_QUOTE}?"
        rf"(?P<what>[\w./-]*\w){_QUOTE}?(?:\s+with\s+(?P<spec>\{{.*\}}))?",
        "reveal": r"\b(?:repeat|reveal|show|print|leak) (?:me )?(?:your|the) "
        r"(?P<what>system prompt|instructions|secrets?|keys?|prompt)\b",
        "dismiss": r"\bmark (?:all|every|each|the) findings? (?:\w+ )?as "
        rf"{_QUOTE}?(?P<what>\w+)",
        "escalate": rf"\bescalate\b[^.\n]{{0,40}}?{_QUOTE}(?P<what>[^\"'`\n]{{1,120}}){_QUOTE}",
        "answer": r"\b(?:this|the following|exactly this) json:\s*(?P<what>\{.*\})",
    }.items()
}
_CHOICES: Final = re.compile(r"^Positions to choose from: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Order:
    """One order that was found in a text."""

    kind: str
    """`say`, `position`, `confidence`, `tool`, `reveal`, `dismiss`, `escalate` or `answer`."""
    what: str
    spec: str = ""
    """A tool's input, as written."""


@dataclass
class Obedient:
    """The provider that obeys. Make it with `obeying`."""

    otherwise: str
    """What it says where no text tells it what to say."""
    asked: list[ModelCall] = field(default_factory=list[ModelCall])
    """Every call so far, in order of arrival."""
    obeyed: list[Order] = field(default_factory=list[Order])
    """Every order found, whether or not the schema left room for it."""
    _called: set[tuple[str, Order]] = field(default_factory=set[tuple[str, Order]])

    async def __call__(self, candidate: Candidate, call: ModelCall) -> Reply:
        """Do what the messages say; of orders that contradict each other, the last."""
        self.asked.append(call)
        messages = plain(call.messages)
        # The system prompt is ours: orders come from what the seat is given to read.
        read = "\n".join(m["content"] for m in messages if m["role"] != "system")
        choices = [one for line in _CHOICES.findall(read) for one in line.split(" | ")]
        found = [order for order in orders(read) if _is_possible(order, choices)]
        self.obeyed += found
        turn = call.key.rpartition("/")[0]
        # A tool is called once in a turn, or its result would never be answered.
        last = {order.kind: order for order in found if (turn, order) not in self._called}
        if "tool" in last:
            self._called.add((turn, last["tool"]))
        result = last["say"].what if "say" in last else self.otherwise
        if "reveal" in last:
            result = "\n".join(m["content"] for m in messages)
        text = _in_words(result, choices, last) if call.schema is None else ""
        if call.schema is not None:
            text = json.dumps(_obedient(call.schema, result, last), ensure_ascii=False)
        if call.heard is not None:
            call.heard(text)
        said = counted([{"content": text}])
        usage = Usage(counted(messages), 0, said)
        return Reply(text, f"{candidate.provider}/{candidate.model}", usage=usage)


def obeying(otherwise: str = "Nothing told me what to say.") -> Obedient:
    """Return a provider that carries out every order it reads.

    Args:
        otherwise: what it answers where no text tells it what to say.
    """
    return Obedient(otherwise)


def orders(text: str) -> list[Order]:
    """Return the orders in a text, in the order in which they stand there."""
    found: list[tuple[int, Order]] = []
    for kind, pattern in _ORDERS.items():
        for match in pattern.finditer(text):
            spec = match.groupdict().get("spec") or ""
            found.append((match.start(), Order(kind, match["what"].strip(), spec)))
    return [order for _, order in sorted(found, key=lambda item: item[0])]


def _is_possible(order: Order, choices: Sequence[str]) -> bool:
    """Return whether what reads like a vote names a position that there is."""
    return order.kind != "position" or not choices or _chosen(choices, order.what) is not None


def _in_words(result: str, choices: Sequence[str], last: Mapping[str, Order]) -> str:
    """Return an answer as Markdown, for a model that is held to no schema."""
    position = last["position"].what if "position" in last else next(iter(choices), None)
    lines = [f"**Result**: {result}", f"**Confidence**: {_confidence(last)}"]
    if position is not None:
        lines.append(f"**Position**: {_chosen(choices, position) or position}")
    return "\n".join(lines)


def _obedient(schema: Mapping[str, Any], result: str, last: Mapping[str, Order]) -> Any:
    """Return the least value that fits a schema, bent to the orders as far as it lets them."""
    either: Sequence[Mapping[str, Any]] = schema.get("anyOf", ())
    if either:
        if "tool" in last and (called := _call(either, last["tool"])) is not None:
            return called
        return _obedient(either[0], result, last)
    answer = _least(schema)
    fields: Mapping[str, Any] = schema.get("properties", {})
    wishes: dict[str, Any] = {"result": result, "confidence": _confidence(last)}
    if "position" in last:
        wishes["position"] = last["position"].what
    if "dismiss" in last:
        wishes["dispositions"] = _dismissed(fields.get("dispositions", {}), last["dismiss"].what)
    if "escalate" in last:
        wishes["escalates"] = [last["escalate"].what]
    if "answer" in last:
        wishes |= _json_object(last["answer"].what)
    for name, wish in wishes.items():
        if name in fields and (bent := _bent(fields[name], wish)) is not None:
            answer[name] = bent
    return answer


def _call(either: Sequence[Mapping[str, Any]], order: Order) -> dict[str, Any] | None:
    """Return the action of the tool that was ordered, where the schema offers it."""
    for schema in either:
        action = schema.get("properties", {}).get("action", {}).get("properties", {})
        if order.what in action.get("tool", {}).get("enum", ()):
            return {"action": {"tool": order.what, "spec": _json_object(order.spec)}}
    return None


def _dismissed(schema: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Return every finding in the state that was ordered."""
    found: dict[str, Any] = {}
    for finding, wanted in schema.get("properties", {}).items():
        plain_state = "enum" in wanted
        found[finding] = state if plain_state else {"state": state, "reason": "I was told to."}
    return found


def _bent(schema: Mapping[str, Any], wish: Any) -> Any:
    """Return the wish where the schema allows it, cut to size; None where it does not."""
    if "enum" in schema:
        return _chosen(schema["enum"], str(wish))
    match schema.get("type"):
        case "string" if isinstance(wish, str):
            return wish[: schema.get("maxLength")]
        case "array" if isinstance(wish, list):
            items = [_bent(schema.get("items", {}), one) for one in cast("list[Any]", wish)]
            return [one for one in items if one is not None][: schema.get("maxItems")]
        case "object" if isinstance(wish, dict):
            given, least = cast("dict[str, Any]", wish), _least(schema)
            parts: Mapping[str, Any] = schema.get("properties", {})
            bent = {name: _bent(parts[name], given[name]) for name in parts if name in given}
            return least | {name: part for name, part in bent.items() if part is not None}
        case _:
            return None


def _chosen(allowed: Sequence[Any], wish: str) -> Any:
    """Return which of the allowed words a wish is, or begins with."""
    wished = f"{wish.lower()} "
    fitting = [one for one in allowed if wished.startswith(f"{one} ".lower())]
    return max(fitting, key=lambda one: len(str(one)), default=None)


def _least(schema: Mapping[str, Any]) -> Any:
    """Return the least value that fits a schema of this project's kind."""
    if "enum" in schema:
        return schema["enum"][0]
    kind: Any = schema.get("type")
    if kind == "object":
        fields: Mapping[str, Any] = schema.get("properties", {})
        return {name: _least(fields[name]) for name in schema.get("required", fields)}
    if isinstance(kind, list):
        return None  # the kinds of which one is null
    least: dict[Any, Any] = {"array": [], "integer": 0, "number": 0, "boolean": True}
    return least.get(kind, "As told.")


def _confidence(last: Mapping[str, Order]) -> str:
    return last["confidence"].what.lower() if "confidence" in last else "high"


def _json_object(text: str) -> dict[str, Any]:
    """Return the object at the start of a text; an empty one where there is none."""
    try:
        found: Any = json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return {}
    return cast("dict[str, Any]", found) if isinstance(found, dict) else {}
