"""Agent files of other programs: told apart by their keys, and put into our words.

Our own, Claude Code's and Copilot's keys are read by hand; the other programs' through one
table, key to what it means here. What means nothing here stays in the file's extra keys, and
each field's fate is named, so that nothing is lost in silence.
"""

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final, cast

from ensemble.agents import keys
from ensemble.agents.conversion import Converted, as_list, deny, hold, read_only, servers_of
from ensemble.agents.dialect_table import PROVIDER, TABLE, from_table

ENSEMBLE: Final = "ensemble"
CLAUDE_CODE: Final = "claude-code"
COPILOT: Final = "copilot"
_CERTAIN: Final = keys.OURS - {"version", "role", "phase", "pipeline", "audit"}
_OWN_HEADINGS: Final = re.compile(
    r"^(## (?:Identity|Absolute Prohibitions|(?:Deep )?Specializations|Knowledge Sources)"
    r"|#{3,4} When (?:Generative|Critical|Evaluative|Informative)|### Output Envelope)\b",
    re.MULTILINE | re.IGNORECASE,
)
_SEVERAL: Final = 2
"""Headings of ours that make a body one of this format: other programs' files have one, too."""
_OPENCODE_FOLDERS: Final = frozenset({"agent", "agents", "mode", "modes"})
_PLANNING: Final = ("permissionMode", "plan")
_SUFFIXES: Final = (".agent.md", ".chatmode.md", ".md", ".toml")
_FINGERPRINTS: Final = {
    CLAUDE_CODE: keys.CLAUDE,
    COPILOT: keys.COPILOT,
    "opencode": keys.OPENCODE,
    "gemini": keys.GEMINI,
    "cursor": keys.CURSOR,
}


def dialect_of(given: Mapping[str, Any], path: str, body: str) -> str:
    """Return whose file this is, from its keys."""
    tools: Any = given.get("tools")
    if path.endswith(".toml"):
        return "codex"
    modes = cast("dict[str, Any]", tools) if isinstance(tools, dict) else {}
    switches = isinstance(tools, dict) and all(isinstance(on, bool) for on in modes.values())
    if _CERTAIN & set(given) or (isinstance(tools, dict) and not switches):
        return ENSEMBLE
    scores = _scores(given, path, switches=switches)
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] > 0 else _unmarked(given, path, body)


def _scores(given: Mapping[str, Any], path: str, *, switches: bool) -> dict[str, int]:
    """Return how many marks of each program a frontmatter has."""
    scores = {name: len(own & set(given)) for name, own in _FINGERPRINTS.items()}
    if given.get("mode") not in ("primary", "subagent", "all") and "mode" in given:
        scores["opencode"] -= 1
    scores["opencode"] += switches
    scores[COPILOT] += path.endswith((".agent.md", ".chatmode.md"))
    scores["gemini"] += any("_" in str(tool) for tool in as_list(given.get("tools")))
    return scores


def _unmarked(given: Mapping[str, Any], path: str, body: str) -> str:
    """Return whose file this most likely is, where no key tells."""
    if PurePath(path).name == "AGENTS.md" or PROVIDER.fullmatch(str(given.get("model"))):
        return "deepagents"
    if "temperature" in given:
        return "gemini" if isinstance(given.get("tools"), list) else "opencode"
    if len({heading.lower() for heading in _OWN_HEADINGS.findall(body)}) >= _SEVERAL:
        return ENSEMBLE
    return CLAUDE_CODE if "name" in given or "tools" not in given else COPILOT


def convert(dialect: str, given: Mapping[str, Any]) -> Converted:
    """Put a frontmatter into our words."""
    if dialect == ENSEMBLE:
        return Converted(dict(given))
    if dialect in TABLE:
        return from_table(dialect, given)
    made = Converted()
    if dialect == CLAUDE_CODE:
        _from_claude_code(made, given)
    else:
        _from_copilot(made, given)
    return made


def name_from(path: str) -> str:
    """Return the name that a file's path gives an agent; of AGENTS.md, its folder's.

    OpenCode names an agent by its way below the folder of agents: `review/security`.
    """
    place = PurePath(path)
    if place.name == "AGENTS.md":
        return place.parent.name
    name = next((place.name.removesuffix(s) for s in _SUFFIXES if place.name.endswith(s)), path)
    above = place.parts[:-1]
    tops = [n for n, part in enumerate(above) if part in _OPENCODE_FOLDERS]
    return "/".join([*above[tops[-1] + 1 :], name]) if ".opencode" in above and tops else name


def slug(text: str) -> str:
    """Return a text as a name: lower case, hyphens between its words."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-_")


def _from_claude_code(made: Converted, given: Mapping[str, Any]) -> None:
    """Claude Code's sixteen fields; without `tools` an agent holds all of them."""
    for key, value in given.items():
        if key in ("name", "description", "model"):
            made.keep(key, value)
        elif key == "mcpServers":
            made.keep(key, servers_of(value), to="mcp_servers")
        elif key not in ("tools", "disallowedTools") and (key, value) != _PLANNING:
            made.leave(key, value)
    tools = as_list(given["tools"]) if given.get("tools") is not None else ["*"]
    hold(made, tools, "tools" if "tools" in given else "(no tools)")
    if "disallowedTools" in given:
        deny(made, as_list(given["disallowedTools"]), "disallowedTools")
    if _PLANNING in given.items():
        read_only(made, "permissionMode")


def _from_copilot(made: Converted, given: Mapping[str, Any]) -> None:
    """Copilot's hyphenated keys; `tools: []` is none, `["*"]` or nothing is all."""
    for key, value in given.items():
        if key in ("name", "description"):
            made.keep(key, value)
        elif key == "model":
            _models(made, key, value)
        elif key == "mcp-servers":
            made.keep(key, servers_of(value), to="mcp_servers")
        elif key == "handoffs":
            made.leave(key, value, f"hand-offs to {', '.join(_handed_to(value)) or 'nobody'}")
        elif key != "tools":
            made.leave(key, value)
    tools = as_list(given["tools"]) if given.get("tools") is not None else ["*"]
    hold(made, tools, "tools" if "tools" in given else "(no tools)")


def _models(made: Converted, key: str, value: Any) -> None:
    if not isinstance(value, list):
        made.keep(key, value)
        return
    first, *others = [str(name) for name in cast("list[Any]", value)] or [""]
    made.keep(key, first, detail="in the order given")
    made.given["model_fallbacks"] = others


def _handed_to(value: Any) -> list[str]:
    steps = cast("list[Any]", value) if isinstance(value, list) else []
    maps = [cast("dict[str, Any]", step) for step in steps if isinstance(step, dict)]
    return [str(step["agent"]) for step in maps if "agent" in step]
