"""Agent files of other programs: told apart by their keys, read into one model, nothing lost."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ensemble.agents.casting import cast
from ensemble.agents.dialects import dialect_of
from ensemble.agents.library import Agent, Library, load_agent, load_agents
from ensemble.roles import KNOWN_TOOLS, ROLE_DEFAULTS

DIALECTS = Path(__file__).parents[2] / "fixtures" / "agents" / "dialects"
WriteAgent = Callable[..., Path]
MakeAgent = Callable[..., Agent]
READ = ("Read", "Grep", "Glob", "WebSearch", "WebFetch")


@pytest.fixture(scope="module")
def library() -> Library:
    return load_agents(DIALECTS)


def full(agent: Agent) -> tuple[str, ...]:
    return agent.spec.tools.modes["full"]


def test_each_file_is_known_by_its_keys(library: Library) -> None:
    assert {agent.name: agent.dialect for agent in library.values()} == {
        "tide-reader": "claude-code",
        "copilot": "copilot",
        "opencode": "opencode",
        "kite_maker": "gemini",
        "far-weaver": "gemini",
        "far-dyer": "gemini",
        "moss-watcher": "cursor",
        "clock-smith": "codex",
        "harbour-master": "deepagents",
        "mixed": "ensemble",
    }
    assert library.faults == ()


@pytest.mark.parametrize(
    ("given", "dialect"),
    [
        ({"name": "a", "description": "d"}, "claude-code"),
        ({"name": "a", "tools": "Read"}, "claude-code"),
        ({"name": "a", "disallowedTools": "Write"}, "claude-code"),
        ({"description": "d", "tools": ["read"]}, "copilot"),
        ({"name": "a", "argument-hint": "x"}, "copilot"),
        ({"name": "a", "mode": "subagent"}, "opencode"),
        ({"name": "a", "mode": "agent", "tools": ["read"]}, "claude-code"),
        ({"name": "a", "tools": {"write": False}}, "opencode"),
        ({"name": "a", "temperature": 0.2}, "opencode"),
        ({"name": "a", "temperature": 0.2, "tools": ["read"]}, "gemini"),
        ({"name": "a", "tools": ["read_file"]}, "gemini"),
        ({"name": "a", "max_turns": 3}, "gemini"),
        ({"name": "a", "readonly": True}, "cursor"),
        ({"name": "a", "model": "anthropic:claude-x"}, "deepagents"),
        ({"name": "a", "model": "llama3.3:70b"}, "claude-code"),
        ({"name": "a", "tier": "phd", "color": "red", "argument-hint": "x"}, "ensemble"),
        ({"name": "a", "tools": {"audit": "Read"}}, "ensemble"),
    ],
)
def test_keys_tell_the_programs_apart(given: dict[str, Any], dialect: str) -> None:
    assert dialect_of(given, "any/folder/a.md", "You.") == dialect


@pytest.mark.parametrize(
    ("body", "dialect"),
    [
        ("## Identity\n\n## Knowledge Sources\n", "ensemble"),
        ("## identity\n\n### When Critical\n", "ensemble"),
        ("## Identity\n\n## Identity\n", "claude-code"),
        ("## Instructions\n\n## Never\n\n## Output Format\n", "claude-code"),
    ],
)
def test_a_body_with_several_of_our_headings_is_ours(body: str, dialect: str) -> None:
    assert dialect_of({"name": "a", "description": "d"}, "a.md", f"# A\n\n{body}") == dialect


def test_claude_codes_fields_are_all_kept(library: Library) -> None:
    agent = library["tide-reader"]

    assert full(agent) == (
        "Read",
        "Bash(git log *)",
        "Task(chart-drawer, pilot)",
        "mcp__almanac__*",
    )
    assert agent.spec.model == "sonnet"
    assert list(agent.mcp_servers) == ["almanac", "lighthouse"]
    assert set(agent.spec.model_extra or ()) == {
        *("permissionMode", "maxTurns", "skills", "hooks", "memory", "background"),
        *("effort", "isolation", "color", "initialPrompt"),
    }
    assert agent.body.identity.startswith("You read tables of tides.")
    assert "- Height at midnight" in agent.body.identity


def test_claude_code_without_tools_holds_all_and_plan_mode_only_reads(
    make_agent: MakeAgent,
) -> None:
    prose = "You are one."

    assert full(make_agent("color: red", prose)) == KNOWN_TOOLS
    assert full(make_agent("permissionMode: plan", prose)) == READ
    assert full(make_agent("tools: []\ncolor: red", prose)) == ()
    assert full(make_agent("disallowedTools: Write, Edit, Bash", prose)) == (
        *("Read", "Grep", "Glob", "WebSearch", "WebFetch", "Task"),
    )


def test_copilots_models_are_tried_in_order_and_its_tool_aliases_are_ours(
    library: Library,
) -> None:
    agent = library["copilot"]

    assert (agent.spec.model, agent.spec.model_fallbacks) == ("GPT-5", ("Claude Sonnet 4.5",))
    assert full(agent) == (
        *("Read", "Grep", "Glob", "Edit", "Write", "WebSearch", "WebFetch"),
        *("soil-server/*", "hovercraft"),
    )
    assert list(agent.mcp_servers) == ["soil-server"]
    assert (agent.spec.model_extra or {})["handoffs"][0]["agent"] == "digger"


@pytest.mark.parametrize(
    ("tools", "held"),
    [
        ("[]", ()),
        ('["*"]', KNOWN_TOOLS),
        ("", KNOWN_TOOLS),
        ("read", ("Read",)),
        ("[web/fetch, github/search]", ("WebFetch", "github/search")),
        ("shell(git log)", ("Bash(git log)",)),
    ],
)
def test_copilots_empty_list_is_none_and_a_star_is_all(
    write_agent: WriteAgent, tools: str, held: tuple[str, ...]
) -> None:
    path = write_agent(f"target: vscode\ntools: {tools}", "You.", name="x.agent.md")

    assert full(load_agents(path)["tester"]) == held


def test_opencode_holds_all_that_is_not_denied(library: Library, make_agent: MakeAgent) -> None:
    assert full(library["opencode"]) == ("Read", "Grep", "Glob", "Bash", "WebSearch", "Task")
    nothing = make_agent('mode: all\ntools: {"*": false, read: true}', "You.")
    assert full(nothing) == ("Read",)
    denied = make_agent("mode: all\npermission: deny", "You.")
    assert full(denied) == ()
    in_part = make_agent(
        'mode: all\npermission: {bash: {"*": deny, "git diff*": allow}, edit: {"docs/**": allow}}',
        "You.",
    )
    assert full(in_part) == tuple(tool for tool in KNOWN_TOOLS if tool != "Bash")
    assert "allowed in part, so not at all: bash" in {fate.detail for fate in in_part.fates}
    prompted = make_agent('mode: primary\nprompt: "You bake"', "")
    assert prompted.body.identity == "You bake"


def test_geminis_tools_have_our_names_and_remote_agents_are_named(library: Library) -> None:
    assert full(library["kite_maker"]) == ("Read", "WebSearch", "Bash", "mcp_wind_*")
    assert list(library["kite_maker"].mcp_servers) == ["wind"]
    remote = library["far-dyer"]
    assert remote.document.where("name").endswith("gemini-remote.md:7:9")
    assert (remote.body.identity, remote.spec.tools.modes) == ("Dyes elsewhere", {})
    assert [(item.code, item.line) for item in remote.repairs] == [("R16", 6)]


def test_opencodes_folders_are_part_of_a_name(tmp_path: Path) -> None:
    for folder in ("review", "write/more"):
        path = tmp_path / ".opencode" / "agent" / folder / "security.md"
        path.parent.mkdir(parents=True)
        path.write_text("---\ndescription: d\nmode: subagent\n---\nYou.\n")

    library = load_agents(tmp_path)

    assert set(library) == {"review-security", "write-more-security"}
    assert library["review-security"].fates[-1].detail == "review/security as review-security"


@pytest.mark.parametrize("word", ["All", "all", '"*"'])
def test_all_tools_are_all_however_that_is_written(make_agent: MakeAgent, word: str) -> None:
    assert full(make_agent(f"color: red\ntools: {word}", "You.")) == KNOWN_TOOLS


@pytest.mark.parametrize(
    ("head", "dialect"),
    [
        ("readonly: true\nmodel: fast", "cursor"),
        ("mode: subagent\nmodel: anthropic/x", "opencode"),
        ("title: A page\nversion: 2", None),
    ],
)
def test_an_agents_key_is_enough_to_be_one(tmp_path: Path, head: str, dialect: str | None) -> None:
    path = tmp_path / "reviewer.md"
    path.write_text(f"---\n{head}\n---\nYou review.\n")

    library = load_agents(path)

    assert {name: agent.dialect for name, agent in library.items()} == (
        {"reviewer": dialect} if dialect else {}
    )


def test_a_sandbox_that_is_not_read_only_is_said_to_be_left(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('name = "x"\nsandbox_mode = "workspace"\ndeveloper_instructions = "You."\n')

    agent = load_agent(path)

    assert ("sandbox_mode", True) in [(fate.field, fate.lost) for fate in agent.fates]


def test_cursor_codex_and_deepagents_are_read(library: Library) -> None:
    cursor, codex, deep = (
        library[name] for name in ("moss-watcher", "clock-smith", "harbour-master")
    )

    assert full(cursor) == full(codex) == READ
    assert cursor.spec.model_selection.profiles == {"default": "interactive"}
    assert codex.body.identity == "You mend clocks.\n\n- Wind first"
    assert (codex.document.where("model"), codex.body_line) == (f"{codex.path}:4:1", 8)
    assert list(codex.mcp_servers) == ["gears"]
    assert deep.spec.model == "openai/gpt-5"


@pytest.mark.parametrize(
    ("head", "held"),
    [
        (
            "disallowedTools: Agent, Bash(rm:*), Write",
            ("Read", "Edit", "Grep", "Glob", "WebSearch", "WebFetch"),
        ),
        ("tools: Read, Bash(git log *), Agent\ndisallowedTools: Bash, Agent", ("Read",)),
        ("tools: Read, mcp__a__x, mcp__b__y\ndisallowedTools: mcp__a__*", ("Read", "mcp__b__y")),
        ("tools: Read, mcp__a__*\ndisallowedTools: mcp__a__x", ("Read",)),
        ("tools: Read, Grep\ndisallowedTools: '*'", ()),
        ("tools: Read, Grep\ndisallowedTools: Write", ("Read", "Grep")),
    ],
)
def test_what_claude_code_denies_is_not_held(
    make_agent: MakeAgent, head: str, held: tuple[str, ...]
) -> None:
    agent = make_agent(f"color: red\n{head}", "You are one.")

    told = {fate.field: fate.detail for fate in agent.fates}
    assert full(agent) == held
    assert told["disallowedTools"].startswith(
        "none of" if held == ("Read", "Grep") else "taken out of tools: "
    )


def test_a_toml_file_has_places_however_its_keys_are_written(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        '  "name" = "{agent}"\n description = "d"\n model = "a | b"\n'
        'developer_instructions = "You."\n[ mcp_servers . gears ]\nx = 1\n'
    )

    agent = load_agent(path)

    assert [(item.code, item.line) for item in agent.repairs] == [("R14", 3), ("R13", 1)]
    assert agent.document.where_key("mcp_servers", "gears").endswith("x.toml:5:3")
    assert agent.document.where_key("model").endswith("x.toml:3:2")


@pytest.mark.parametrize("role", ROLE_DEFAULTS)
def test_every_foreign_agent_holds_every_seat(library: Library, role: str) -> None:
    for agent in library.values():
        casting = cast(agent, role, where="here")
        assert casting.behaviour
        if casting.tool_mode == "audit":
            assert not {"Write", "Edit", "Bash"} & set(casting.tools)


@pytest.mark.parametrize("name", ["tide-reader", "copilot", "opencode", "kite_maker"])
def test_every_field_has_a_fate(library: Library, name: str) -> None:
    agent = library[name]

    fates = {fate.field for fate in agent.fates}

    merged = {"tools", "permission"} if name == "opencode" else set[str]()
    assert set(agent.document.value) - merged <= fates


@pytest.mark.parametrize(
    "text",
    [
        'name = "x"\ndescription = "d"\ndeveloper_instructions = "y',
        "x = " + "[" * 5000,
        "developer_instructions = 7\n",
        "a" + ".a" * 3000 + ' = 1\nname = "x"\n',
    ],
)
def test_a_broken_toml_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(f"# developer_instructions\n{text}")

    library = load_agents(tmp_path)

    assert len(library.faults) == 1
