"""Dialects that one table reads: program to what takes each key, and what gives it tools."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from ensemble.agents.conversion import (
    TOOL_NAMES,
    Converted,
    Fate,
    as_list,
    hold,
    read_only,
    servers_of,
)
from ensemble.roles import KNOWN_TOOLS

PROVIDER: Final = re.compile(r"(anthropic|openai|google\w*|ollama|groq|mistralai|xai|deepseek):.+")
"""A model as deepagents names it."""


def from_table(dialect: str, given: Mapping[str, Any]) -> Converted:
    """Put a frontmatter into our words by its dialect's table."""
    made, row = Converted(), TABLE[dialect]
    for key, value in given.items():
        row.keys.get(key, Converted.leave)(made, key, value)
    if row.tools is not None:
        row.tools(made, given)
    else:
        _hold_listed(made, given, row)
    return made


Taker = Callable[[Converted, str, Any], None]


@dataclass(frozen=True)
class Row:
    """How one program's files are read."""

    keys: Mapping[str, Taker]
    """Key to what takes it; a key that is not there is not acted on."""
    reads_only: tuple[str, Any] | None = None
    """The key, and its value, that leave an agent the tools which change nothing."""
    tools: Callable[[Converted, Mapping[str, Any]], None] | None = None
    """What gives it its tools, where they are not one list or nothing."""


def _provider_and_model(made: Converted, key: str, value: Any) -> None:
    if isinstance(value, str) and PROVIDER.fullmatch(value):
        provider, _, model = value.partition(":")
        made.keep(key, f"{provider}/{model}", detail=f"as {provider}/{model}")
    else:
        made.keep(key, value)


def _cursor_model(made: Converted, key: str, value: Any) -> None:
    if value == "fast":
        made.keep(key, {"profiles": {"default": "interactive"}}, to="model_selection")
    else:
        made.keep(key, value)


def _mcp(made: Converted, key: str, value: Any) -> None:
    made.keep(key, servers_of(value), to="mcp_servers")


def _instructions(made: Converted, key: str, value: Any) -> None:
    made.body = str(value)
    made.fates.append(Fate(key, "changed", "as the body"))


def _tools_taken(_: Converted, __: str, ___: Any) -> None:
    """Left to the end of the table, where all that bears on tools is known."""


def _opencode_tools(made: Converted, given: Mapping[str, Any]) -> None:
    """Give all tools less those switched off or denied; the last word on one counts.

    One that is denied somewhere, for some files or commands, is not given at all.
    """
    switches: dict[str, bool] = {}
    in_part: list[str] = []
    for key in ("tools", "permission"):
        value = given.get(key)
        for name, on in cast("dict[str, Any]", value if isinstance(value, dict) else {}).items():
            rules = list(cast("dict[str, Any]", on).values()) if isinstance(on, dict) else [on]
            allowed = [rule not in (False, "deny") for rule in rules]
            switches[name] = all(allowed)
            in_part += [name] if any(allowed) and not all(allowed) else []
    everything = switches.pop("*", given.get("permission") != "deny")
    gone = {t for name, on in switches.items() if not on for t in _ours(name)}
    added = {t for name, on in switches.items() if on for t in _ours(name)} - set(KNOWN_TOOLS)
    held = [t for t in (*KNOWN_TOOLS, *sorted(added)) if t not in gone]
    if not everything:
        on_names = {t for name, on in switches.items() if on for t in _ours(name)}
        held = [t for t in held if t in on_names]
    hold(made, held, "tools and permission")
    if in_part:
        detail = f"allowed in part, so not at all: {', '.join(in_part)}"
        made.fates.append(Fate("permission", "changed", detail))


def _ours(name: str) -> tuple[str, ...]:
    # OpenCode's `edit` covers whatever changes a file, as Copilot's does.
    return TOOL_NAMES.get(name.lower(), (name,))


def _gemini_tools(made: Converted, given: Mapping[str, Any]) -> None:
    if "agent_card_url" in given or "agent_card_json" in given:
        made.given["tools"] = {}
        made.body = str(given.get("description", ""))
        detail = "it is served elsewhere; here a model answers from its description alone"
        made.fates.append(Fate("(remote)", "changed", detail))
        return
    _hold_listed(made, given, TABLE["gemini"])


def _hold_listed(made: Converted, given: Mapping[str, Any], row: Row) -> None:
    """Give the tools that are listed, or all; then only those that read, where that is asked."""
    listed = given.get("tools") if "tools" in row.keys else None
    hold(
        made,
        ["*"] if listed is None else as_list(listed),
        "tools" if listed is not None else "(no tools)",
    )
    key, value = row.reads_only or ("", None)
    if key in given and given[key] == value:
        read_only(made, key)
    elif key in given:
        made.leave(key, given[key])


_PLAIN: Final[Mapping[str, Taker]] = {
    "name": Converted.keep,
    "description": Converted.keep,
    "model": Converted.keep,
}
TABLE: Final[Mapping[str, Row]] = {
    "opencode": Row(
        {
            **_PLAIN,
            "prompt": _instructions,
            "tools": _tools_taken,
            "permission": _tools_taken,
        },
        tools=_opencode_tools,
    ),
    "gemini": Row(
        {**_PLAIN, "tools": _tools_taken, "mcpServers": _mcp, "mcp_servers": _mcp},
        tools=_gemini_tools,
    ),
    "cursor": Row(
        {**_PLAIN, "model": _cursor_model, "readonly": _tools_taken}, reads_only=("readonly", True)
    ),
    "codex": Row(
        {**_PLAIN, "mcp_servers": _mcp, "sandbox_mode": _tools_taken},
        reads_only=("sandbox_mode", "read-only"),
    ),
    "deepagents": Row({**_PLAIN, "model": _provider_and_model, "tools": _tools_taken}),
}
"""Program to how its files are read."""
