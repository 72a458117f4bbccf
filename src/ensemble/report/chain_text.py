"""Chains of models as text: who is asked, in order, over which route, and why or why not."""

from collections.abc import Mapping
from typing import Any, Final


def chain_text(chains: list[dict[str, Any]]) -> str:
    """Return chains as text, one block for each agent."""
    lines: list[str] = []
    for item in chains:
        named = f" (profile {item['profile']})" if item.get("profile") else ""
        lines.append(f"{item['agent']}{named}:")
        lines += [_line(candidate) for candidate in item["chain"]]
    return "\n".join(lines)


def _line(candidate: Mapping[str, Any]) -> str:
    mark = "asks" if candidate["available"] else "no  "
    route = f"{candidate['provider']}/{candidate['model']}" if candidate["provider"] else "-"
    told = [str(candidate["reason"])]
    if candidate["available"]:
        told += _facts(candidate)
    return f"  {mark}  {candidate['asked']}  {route}  ({'; '.join(told)})"


_FORMS: Final = {
    "schema": "held to a schema",
    "tool_call": "answers by a tool call",
    "text": "answers in text",
}


def _facts(candidate: Mapping[str, Any]) -> list[str]:
    facts = [_form(candidate)]
    facts += [f"{window // 1000}k tokens"] if (window := candidate["context"]) else []
    if price := candidate["usd_per_mtok"]:
        sent, said = price
        facts.append(f"${sent:g} in, ${said:g} out a million" if sent or said else "free")
    return facts


def _form(candidate: Mapping[str, Any]) -> str:
    known: Mapping[str, Any] = candidate["form_from"]
    return " ".join(filter(None, (f"{_FORMS[candidate['form']]}: {known['how']}", known["on"])))
