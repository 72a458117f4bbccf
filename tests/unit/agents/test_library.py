"""Agent files found and read: one that is poison never stops the others."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ensemble.agents.library import load_agent, load_agents
from ensemble.errors import Faults, InvalidFile

WriteAgent = Callable[..., Path]
POISON: dict[str, bytes] = {
    "no frontmatter": b"# Just a note\n",
    "empty": b"",
    "never ending": b"---\nname: poison\n\n## Identity\n",
    "binary": bytes(range(256)),
    "nul": b"---\nname: poi\x00son\n---\n",
    "list": b"---\n- a\n- b\n---\n",
    "text": b"---\njust text\n---\n",
    "nothing": b"---\n---\n",
    "anchor": b"---\nname: &x poison\ndescription: *x\n---\n",
    "tag": b"---\nname: !!python/object/apply:os.system ['true']\n---\n",
    "deep": b"---\nname: poison\naudit: " + b"[" * 500 + b"]" * 500 + b"\n---\n",
    "huge": b"---\nname: poison\ndescription: " + b"x" * 300_000 + b"\n---\n",
    "list of maps as roles": b"---\nname: poison\nensemble_roles: [{auditor: x}]\n---\n",
    "roles of lists": b"---\nname: poison\nensemble_roles: {auditor: [[x]]}\n---\n",
    "tools of maps": b"---\nname: poison\ntools: {audit: {Read: {a: 1}}}\n---\n",
    "two fields": b"---\nname: poison\nload_bearing: often\nversion: [1]\n---\n",
}


def test_an_agent_is_its_frontmatter_its_body_and_its_bytes(write_agent: WriteAgent) -> None:
    path = write_agent()

    agent = load_agent(path)

    assert (agent.name, agent.path) == ("tester", str(path))
    assert agent.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert agent.body.never == ("Never-rule",)


@pytest.mark.parametrize("change", ["bom", "crlf", "longer fence", "no body"])
def test_a_file_may_be_saved_in_other_ways(write_agent: WriteAgent, change: str) -> None:
    path = write_agent()
    text = path.read_text()
    match change:
        case "bom":
            path.write_text(text, encoding="utf-8-sig")
        case "crlf":
            path.write_bytes(text.replace("\n", "\r\n").encode())
        case "longer fence":
            path.write_text(text.replace("\n---\n", "\n------  \n"))
        case _:
            path.write_text("---\nname: tester\n---")

    agent = load_agent(path)

    assert agent.name == "tester"
    assert agent.body.never == (() if change == "no body" else ("Never-rule",))


@pytest.mark.parametrize("kind", POISON)
def test_a_file_that_cannot_be_read_is_an_invalid_file_with_a_fix(
    tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "poison.md"
    path.write_bytes(POISON[kind])

    with pytest.raises((InvalidFile, Faults)) as raised:
        load_agent(path)

    assert raised.value.where.startswith(f"{path}:")
    assert raised.value.fix
    assert raised.value.status == 3


@pytest.mark.parametrize("kind", POISON)
def test_one_poison_file_does_not_stop_the_others(write_agent: WriteAgent, kind: str) -> None:
    for number in range(5):
        write_agent(f"name: agent-{number}", name=f"agent-{number}.md")
    poison = write_agent().with_name("poison.md")
    poison.write_bytes(POISON[kind])

    library = load_agents(poison.parent)

    assert sorted(library) == [*(f"agent-{number}" for number in range(5)), "tester"]
    assert library.faults
    assert all(fault.where.startswith(str(poison)) for fault in library.faults)
    with pytest.raises(InvalidFile) as raised:
        library.find("poison", where="review.yaml:7:3")
    assert raised.value is library.faults[0]


def test_an_unknown_agent_is_named_with_the_nearest(write_agent: WriteAgent) -> None:
    library = load_agents(write_agent().parent)

    with pytest.raises(InvalidFile) as raised:
        library.find("testre", where="review.yaml:7:3")

    assert str(raised.value) == (
        "review.yaml:7:3: no agent is called 'testre'\n  fix: did you mean 'tester'?"
    )
    assert library.find("tester", where="x") is library["tester"]


def test_the_same_name_twice_in_a_folder_is_a_fault_and_the_first_counts(
    write_agent: WriteAgent,
) -> None:
    first = write_agent("name: twin\ndescription: first", name="a.md")
    second = write_agent("name: twin\ndescription: second", name="sub/b.md")

    library = load_agents(first.parent)

    (fault,) = library.faults
    assert fault.where == f"{second}:2:7"
    assert str(first) in fault.problem
    assert library["twin"].spec.description == "first"


def test_the_first_folders_agents_win_by_name(tmp_path: Path) -> None:
    for folder in ("own", "library"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.md").write_text(f"---\nname: x\ndescription: {folder}\n---\n")
    (tmp_path / "library" / "y.md").write_text("---\nname: y\n---\n")

    library = load_agents(tmp_path / "own", tmp_path / "library")

    assert library["x"].spec.description == "own"
    assert sorted(library) == ["x", "y"]
    assert library.faults == ()
    assert len(library) == 2


@pytest.mark.parametrize(
    "name", ["README.md", "AGENTS.md", "CLAUDE.md", "._tester.md", "notes.txt"]
)
def test_files_that_are_no_agents_are_passed_over(write_agent: WriteAgent, name: str) -> None:
    folder = write_agent().parent
    (folder / name).write_bytes(b"\x00\x05 anything")

    library = load_agents(folder)

    assert list(library) == ["tester"]
    assert library.faults == ()


def test_a_file_that_is_missing_or_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()

    for name in ("missing.md", "folder.md"):
        with pytest.raises(InvalidFile, match="cannot be read") as raised:
            load_agent(tmp_path / name)
        assert raised.value.where == str(tmp_path / name)


def test_a_file_that_lists_several_agents_is_no_single_one(tmp_path: Path) -> None:
    path = tmp_path / "far.md"
    cards = "".join(f"- name: {name}\n  agent_card_url: https://a.example/\n" for name in "ab")
    path.write_text(f"---\n{cards}---\n")

    with pytest.raises(InvalidFile, match="holds several agents: a, b"):
        load_agent(path)

    assert list(load_agents(path)) == ["a", "b"]


def test_without_a_folder_the_projects_own_agents_and_the_built_in_ones_are_read(
    write_agent: WriteAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = write_agent("name: skeptic\ndescription: our own").parent.parent
    monkeypatch.chdir(project)

    library = load_agents()

    assert library["skeptic"].spec.description == "our own"
    assert "senior-architect" in library
    assert library.folders[0] == str(project / "agents")
