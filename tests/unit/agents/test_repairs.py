"""Files written in every malformed way: what is fenced is loaded, and every repair is named."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ensemble.agents.frontmatter import AgentFault
from ensemble.agents.library import load_agent, load_agents
from ensemble.agents.repairs import MEANINGS
from ensemble.errors import InvalidFile

FIXTURES = Path(__file__).parents[2] / "fixtures" / "agents"
MALFORMED, DIALECTS = FIXTURES / "malformed", FIXTURES / "dialects"
WriteAgent = Callable[..., Path]

MENDED = {
    "bad-utf8": [("R04", 3)],
    "blank-above": [("R05", 1)],
    "bold-description": [("R10", 3)],
    "bom": [("R01", 1)],
    "crlf": [("R02", 1)],
    "indented": [("R08", 2)],
    "key-twice": [("R15", 5)],
    "list-on-key": [("R09", 5)],
    "long-fence": [("R06", 4)],
    "odd-tools": [],
    "placeholder-bad-yaml": [("R10", 2), ("R13", 2)],
    "placeholder-map": [("R12", 2), ("R14", 4), ("R13", 2)],
    "run-on-description": [("R11", 3)],
    "kettle-minder": [("R13", 2)],
    "stray-tool-text": [("R07", 4)],
    "tabs": [("R03", 5)],
    "twin": [],
    "unfilled-choice": [("R14", 4)],
    "unquoted-colon": [("R10", 3)],
    "unquoted-glob": [("R10", 5), ("R10", 6)],
}


def test_all_that_is_fenced_is_loaded_and_every_repair_has_its_code_and_line() -> None:
    library = load_agents(MALFORMED)

    named = {
        agent.name: [(item.code, item.line) for item in agent.repairs] for agent in library.values()
    }
    assert named == MENDED
    assert all(
        item.message.startswith(MEANINGS[item.code])
        for agent in library.values()
        for item in agent.repairs
    )


def test_what_is_not_loaded_is_refused_or_passed_over_with_the_reason() -> None:
    library = load_agents(MALFORMED)

    faults = {Path(f.where.split(":")[0]).name: f for f in library.faults}
    codes = {name: f.code for name, f in faults.items() if isinstance(f, AgentFault)}
    assert codes == {"never-ends.md": "E004", "no-frontmatter.md": "E003", "twin-b.md": "E009"}
    assert {Path(item.path).name: item.reason.split(",")[0] for item in library.skipped} == {
        "._apple.md": "an AppleDouble file",
        "AGENTS.md": "context for agents",
        "CLAUDE.md": "context for agents",
        "README.md": "context for agents",
    }


def test_a_kept_reading_is_the_reading_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))
    fresh = load_agents(MALFORMED)

    first, second = load_agents(MALFORMED, cached=True), load_agents(MALFORMED, cached=True)

    assert dict(first) == dict(second) == dict(fresh)
    assert [str(f) for f in second.faults] == [str(f) for f in fresh.faults]
    for agent in second.values():
        assert agent.document == fresh[agent.name].document


@pytest.mark.parametrize("damage", [b"", b"[]", b"{}", b'{"spec": {"name": 7}}', b"\xff"])
def test_a_damaged_kept_reading_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: bytes
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))
    fresh = load_agents(MALFORMED, cached=True)
    entries = list((tmp_path / "cache").rglob("*.json"))
    for entry in entries:
        entry.write_bytes(damage)

    again = load_agents(MALFORMED, cached=True)

    assert len(entries) == len(fresh) + 1  # the second twin was read too
    assert dict(again) == dict(fresh)


def test_what_is_kept_of_a_file_says_no_less_than_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))
    fresh = load_agents(DIALECTS, cached=True)

    again = load_agents(DIALECTS, cached=True)

    assert dict(again) == dict(fresh)
    assert again["tide-reader"].fates
    assert again["clock-smith"].prose == "You mend clocks.\n\n- Wind first\n"


def test_a_changed_file_is_not_answered_from_its_old_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "cache"))
    path = Path(shutil.copy(MALFORMED / "bom.md", tmp_path / "bom.md"))
    load_agents(path, cached=True)
    path.write_text(path.read_text().replace("Begins with a mark", "Changed"))

    agent = load_agents(path, cached=True)["bom"]

    assert agent.spec.description == "Changed"


@pytest.mark.parametrize(
    ("name", "field", "text"),
    [
        ("bad-utf8", "description", "Serves café au lait"),
        ("bold-description", "description", "**Always** call this one for maps"),
        ("key-twice", "description", "The later word"),
        (
            "unquoted-colon",
            "description",
            "Use this agent when a kettle boils. Example: the tea is late",
        ),
        ("list-on-key", "proactive_triggers", ("*reactor*", "*.scram")),
        ("unquoted-glob", "proactive_triggers", ("*.pt", "**/models/*.h5")),
        ("stray-tool-text", "model", "opus"),
        ("unfilled-choice", "role", None),
    ],
)
def test_a_mended_field_says_what_its_author_wrote(name: str, field: str, text: object) -> None:
    agent = load_agents(MALFORMED)[name]

    assert getattr(agent.spec, field) == text


def test_a_run_on_description_keeps_its_lines_and_ends_at_the_next_key() -> None:
    spec = load_agents(MALFORMED)["run-on-description"].spec

    lines = spec.description.split("\n")
    assert lines[0] == "Use this agent to sort buttons."
    assert 'assistant: "I will sort: red, then blue."' in lines
    assert lines[-1] == "</example>"
    assert spec.model == "sonnet"


def test_places_in_a_mended_file_are_those_of_the_file() -> None:
    library = load_agents(MALFORMED)

    indented = library["indented"].document
    assert indented.keys["tools",] == (4, 5)
    assert indented.marks["tools", 1] == (6, 11)
    listed = library["list-on-key"].document
    assert listed.marks["proactive_triggers", 0] == (5, 24)
    assert listed.marks["proactive_triggers", 1] == (6, 5)
    assert listed.keys["tier",] == (7, 1)
    stray = library["stray-tool-text"].document
    assert stray.keys["model",] == (5, 1)


@pytest.mark.parametrize(
    ("field", "code", "line"),
    [
        ("description: &x y", "E006", 3),
        ("description: *x", "E006", 3),
        ("description: !!str y", "E006", 3),
        ("audit:\n  <<: {a: 1}", "E006", 4),
        ("audit: " + "[" * 40 + "]" * 40, "E006", 3),
        ("description: " + "x" * 300_000, "E006", 1),
        ("description: [unclosed", None, 3),
        ("? [a, b]\n: c", "E006", 3),
    ],
)
def test_what_makes_a_file_more_than_it_looks_is_never_mended(
    tmp_path: Path, field: str, code: str | None, line: int
) -> None:
    path = tmp_path / "poison.md"
    path.write_text(f"---\nname: poison\n{field}\n---\n")

    if code is None:  # no YAML, but plainly meant as a text
        assert load_agent(path).spec.description == "[unclosed"
        return
    with pytest.raises(AgentFault) as raised:
        load_agent(path)
    assert (raised.value.code, raised.value.where.split(":")[1]) == (code, str(line))


def test_a_fault_in_a_mended_file_has_the_files_own_place(tmp_path: Path) -> None:
    path = tmp_path / "x.md"
    path.write_text("---\n    name: x\n    load_bearing: often\n    tier: focused\n---\n")

    with pytest.raises(InvalidFile) as raised:
        load_agent(path)

    assert raised.value.where == f"{path}:3:19"


@pytest.mark.parametrize("written", ["1.10", "no", "5", "0x1F", "2026-01-24", "true", "1e3", "on"])
def test_a_text_stays_as_it_is_written(write_agent: WriteAgent, written: str) -> None:
    head = f"version: {written}\nphase: {written}\nescalation: {{triggers: [{written}]}}"

    spec = load_agent(write_agent(head)).spec

    assert (spec.version, spec.phase, spec.escalation.triggers) == (written, written, (written,))


def test_an_item_with_a_colon_is_one_text(write_agent: WriteAgent) -> None:
    head = "escalation:\n  triggers:\n    - Loss: it grew\n    - Drift: it: moved"

    agent = load_agent(write_agent(head))

    assert agent.spec.escalation.triggers == ("Loss: it grew", "Drift: it: moved")
    assert {item.code for item in agent.repairs} == {"R10"}


def test_a_placeholder_of_several_words_is_a_text(write_agent: WriteAgent) -> None:
    agent = load_agent(write_agent("name: x\ndescription: {One line: what it does, and why}"))

    assert agent.spec.description == "{One line: what it does, and why}"
    assert [(item.code, item.line) for item in agent.repairs] == [("R12", 3)]


@pytest.mark.parametrize(
    ("field", "problem", "fix"),
    [
        ("cognitive_modes: {critical: doubt}", "a map", "in place of 'doubt'"),
        ("load_bearing: often", "true or false is expected", "write true or false in place"),
        ("escalation: {confidence_threshold: 1.6}", "a number of at most 1", "in place of '1.6'"),
        ("model_selection: {minimum_tier: huge}", "'tiny', 'small', 'medium' or 'large'", "write"),
        ("ensemble_roles: [{a: b}]", "a list of roles holds their names alone", "another value"),
    ],
)
def test_a_field_that_does_not_fit_is_told_with_what_does(
    write_agent: WriteAgent, field: str, problem: str, fix: str
) -> None:
    with pytest.raises(AgentFault) as raised:
        load_agent(write_agent(field))

    assert problem in raised.value.problem
    assert fix in raised.value.fix


@pytest.mark.parametrize(
    ("head", "codes"),
    [
        ("  # by hand\nname: x\nensemble_roles:\n  solo: a\n  default: solo", []),
        ("name: x\ndescription: <tool_use>call it</tool_use>\ntier: a: b", ["R10"]),
        ("escalation:\n  triggers:\n    - Score: 5\n    - Rate: 1.10", ["R10", "R10"]),
    ],
)
def test_what_needs_no_repair_has_none(
    write_agent: WriteAgent, head: str, codes: list[str]
) -> None:
    agent = load_agent(write_agent(head))

    assert [item.code for item in agent.repairs] == codes
    assert agent.spec.ensemble_roles.default in (None, "solo")
    assert agent.spec.escalation.triggers in ((), ("Score: 5", "Rate: 1.10"))


def test_what_somebody_says_in_an_example_stays_in_the_text(write_agent: WriteAgent) -> None:
    head = (
        'description: Use it. Examples: first\nuser: "Please review"\nassistant: "I will: now"\n'
        "color: blue"
    )

    agent = load_agent(write_agent(f"name: x\n{head}"))

    assert agent.spec.description.split("\n")[1:] == [
        'user: "Please review"',
        'assistant: "I will: now"',
    ]
    assert agent.spec.model_extra == {"color": "blue"}


def test_nested_rows_of_an_indented_frontmatter_keep_their_depth(write_agent: WriteAgent) -> None:
    path = write_agent()
    path.write_text(
        "---\n    name: x\n    escalation:\n      triggers:\n        - a\n      escalate_to: b\n"
        "---\n"
    )

    agent = load_agent(path)

    assert (agent.spec.escalation.triggers, agent.spec.escalation.escalate_to) == (("a",), "b")
    assert agent.document.marks["escalation", "triggers", 0] == (5, 11)
