"""What it takes to put a foreign frontmatter into our words: tools, servers, each field's fate."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from ensemble.agents import keys
from ensemble.agents.shapes import split_tools
from ensemble.agents.spec import READING, SEARCHING
from ensemble.roles import KNOWN_TOOLS

TOOL_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("execute", "shell", "bash", "powershell"), ("Bash",)),
    **dict.fromkeys(("run_shell_command", "runcommands", "runinterminal"), ("Bash",)),
    **dict.fromkeys(("read", "read_file", "read_many_files", "readfile"), ("Read",)),
    **dict.fromkeys(("edit", "editfiles"), ("Edit", "Write")),
    **dict.fromkeys(("replace", "patch", "multiedit"), ("Edit",)),
    **dict.fromkeys(("write", "write_file"), ("Write",)),
    **dict.fromkeys(("search", "codebase"), ("Grep", "Glob")),
    **dict.fromkeys(("grep", "search_file_content", "grep_search"), ("Grep",)),
    **dict.fromkeys(("glob", "list", "list_directory"), ("Glob",)),
    **dict.fromkeys(("agent", "task", "custom-agent"), ("Task",)),
    "web": ("WebSearch", "WebFetch"),
    **dict.fromkeys(("websearch", "google_web_search"), ("WebSearch",)),
    **dict.fromkeys(("webfetch", "web_fetch", "fetch"), ("WebFetch",)),
    **dict.fromkeys(("todo", "todowrite", "write_todos"), ("TodoWrite",)),
}


_ALL: Final = ("*", "All", "all")
_WHY_NOT: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("maxTurns", "max_turns", "steps", "maxSteps", "timeout_mins"),
        "a scenario's limits bound a run",
    ),
    **dict.fromkeys(
        ("permissionMode", "hooks"), "the scenario and the user's settings allow tools"
    ),
    **dict.fromkeys(("temperature", "top_p", "variant"), "models are asked as they come"),
    **dict.fromkeys(("effort", "model_reasoning_effort"), "models are asked as they come"),
    **dict.fromkeys(("memory", "background", "is_background"), "a turn begins and ends in a run"),
    **dict.fromkeys(("color", "hidden", "display_name"), "it is about another program's screen"),
}


@dataclass(frozen=True)
class Fate:
    """What became of one foreign field."""

    field: str
    outcome: str
    """`kept`, `changed` or `not acted on`."""
    detail: str = ""

    @property
    def lost(self) -> bool:
        """Whether nothing acts on the field here."""
        return self.outcome == "not acted on"


@dataclass
class Converted:
    """A foreign frontmatter in our words."""

    given: dict[str, Any] = field(default_factory=dict[str, Any])
    body: str | None = None
    """Text that the frontmatter holds in place of a body."""
    fates: list[Fate] = field(default_factory=list[Fate])

    def keep(self, key: str, value: Any, *, to: str | None = None, detail: str = "") -> None:
        """Take a field over, under another name where `to` says so."""
        self.given[to or key] = value
        changed = detail or (f"as {to}" if to not in (None, key) else "")
        self.fates.append(Fate(key, "changed" if changed else "kept", changed))

    def leave(self, key: str, value: Any, detail: str = "") -> None:
        """Keep a field among the extra keys: nothing acts on it, unless it is one of ours."""
        if key in keys.OURS:
            self.keep(key, value)
            return
        self.given[key] = value
        why = detail or _WHY_NOT.get(key, "means nothing here")
        self.fates.append(Fate(key, "not acted on", why))


def ours(tools: Iterable[str]) -> list[str]:
    """Return the tools under our names, each once."""
    known: list[str] = []
    for tool in tools:
        plain = bare(tool)
        if tool in _ALL:
            known += KNOWN_TOOLS
        elif plain in KNOWN_TOOLS or plain in READING | SEARCHING:
            known.append(tool)
        elif plain == "Agent":  # Claude Code's newer word for Task
            known.append(tool.replace("Agent", "Task", 1))
        else:
            group, _, name = plain.lower().rpartition("/")  # `web/fetch`, beside `server/tool`
            names = TOOL_NAMES.get(name) if group in ("", *TOOL_NAMES) else None
            within = tool[len(plain) :].strip()
            known += [f"{each}{within}" for each in names] if names else [tool]
    return list(dict.fromkeys(known))


def bare(tool: str) -> str:
    """Return a tool's name without what stands in brackets behind it."""
    return tool.partition("(")[0].strip()


def hold(made: Converted, tools: list[str], key: str) -> None:
    """List the tools under our names: one list, from which each tool mode takes what fits."""
    unique = ours(tools)
    detail = "" if unique == tools else f"as {', '.join(unique) or 'none'}"
    if len(tools) == 1 and tools[0] in _ALL:
        detail = "as all tools"
    made.given["tools"] = {"full": unique, "default_mode": "full"}
    made.fates.append(Fate(key, "changed" if detail else "kept", detail))


def deny(made: Converted, tools: list[str], key: str) -> None:
    """Take tools out of those that are held; of one that is denied in part, all of it."""
    denied = [bare(tool) for tool in dict.fromkeys([*tools, *ours(tools)])]
    gone = [tool for tool in listed(made) if any(_meets(bare(tool), each) for each in denied)]
    left = [tool for tool in listed(made) if tool not in gone]
    made.given["tools"] = {"full": left, "default_mode": "full"}
    what = f"taken out of tools: {', '.join(gone)}" if gone else "none of its tools"
    made.fates.append(Fate(key, "changed", what))


def listed(made: Converted) -> tuple[str, ...]:
    """Return the tools that are held."""
    return tuple(made.given["tools"]["full"])


def read_only(made: Converted, key: str) -> None:
    """Take out what changes something, as the field `key` asks."""
    allowed = READING | SEARCHING
    left = [tool for tool in listed(made) if bare(tool) in allowed]
    gone = [tool for tool in listed(made) if tool not in left]
    made.given["tools"] = {"full": left, "default_mode": "full"}
    without = f", without {', '.join(gone)}" if gone else ""
    made.fates.append(Fate(key, "changed", f"as tools that only read{without}"))


def as_list(value: Any) -> list[str]:
    """Return names from a comma string, a list, or a map of name to on or off."""
    if isinstance(value, dict):
        switches = cast("dict[str, Any]", value)
        return [name for name, on in switches.items() if on not in (False, "deny")]
    names = split_tools(value)
    if not isinstance(names, (list, tuple)):
        return []
    return [str(name) for name in cast("list[Any]", names)]


def servers_of(value: Any) -> dict[str, Any]:
    """Return described servers by name, from names, maps, or a list of both."""
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    servers: dict[str, Any] = {}
    for item in cast("list[Any]", value) if isinstance(value, list) else [value]:
        servers |= cast("dict[str, Any]", item) if isinstance(item, dict) else {str(item): {}}
    return servers


def _meets(tool: str, denied: str) -> bool:
    """Return whether a denial is about a tool, be either of them a whole family (`mcp__x__*`)."""
    return any(
        one == other or (one.endswith("*") and other.startswith(one[:-1]))
        for one, other in ((tool, denied), (denied, tool))
    )
