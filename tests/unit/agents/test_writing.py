"""Agent files written: comments, order, quotes and unknown keys are those of the author."""

from pathlib import Path

import pytest

from ensemble.agents.library import load_agent
from ensemble.agents.starting import new_agent
from ensemble.agents.writing import GONE, dumped, rewritten, write_text
from ensemble.config import library_folder
from ensemble.errors import CannotWrite, UsageError

FILE = """\
---
# ============
# who it is
# ============
name: tester  # kebab-case
version: 1.10
created: 2026-01-24
mask: 0x1F
answer: no

# ---- TOOLS ----
tools:
    audit: "Read, Grep"   # reads only
    more:
        - 'one'
        - two # the second
unknown: {deep: [1, 2.50]}
---
# Tester

Body --- with rulers

---
"""


def test_a_file_without_a_change_is_written_byte_for_byte() -> None:
    assert rewritten(FILE, "x.md") == FILE


def test_only_the_changed_lines_change() -> None:
    again = rewritten(FILE, "x.md", {("version",): "2.0.0", ("tools", "audit"): "Read"})

    before, after = FILE.splitlines(), again.splitlines()
    assert len(before) == len(after)
    assert [new for old, new in zip(before, after, strict=True) if old != new] == [
        "version: 2.0.0",
        '    audit: "Read"         # reads only',
    ]
    for kept in ("# who it is", "# ---- TOOLS ----", "mask: 0x1F", "created: 2026-01-24"):
        assert kept in again
    assert "unknown: {deep: [1, 2.50]}" in again


def test_a_field_is_taken_out_and_put_in() -> None:
    again = rewritten(FILE, "x.md", {("answer",): GONE, ("new", "deep"): ["5", "a\n---\nb"]})

    assert "answer" not in again
    head = again.split("---\n# Tester")[0]
    assert head.split()[-6:] == ["new:", "deep:", "-", "'5'", "-", '"a\\n---\\nb"']


@pytest.mark.parametrize("name", sorted(p.name for p in (library_folder() / "agents").glob("*.md")))
def test_a_built_in_agent_keeps_every_line_when_one_is_added(name: str) -> None:
    text = (library_folder() / "agents" / name).read_text()

    again = rewritten(text, name, {("added",): "yes"})

    assert [line for line in again.splitlines() if line not in text.splitlines()] == ["added: yes"]
    assert len(again) == len(text) + len("added: yes\n")


def test_the_seed_keeps_every_line_when_one_changes(seed: Path) -> None:
    text = seed.read_text()

    again = rewritten(text, str(seed), {("version",): "1.3.0"})

    assert again == text.replace("version: 1.2.0", "version: 1.3.0")


def test_a_new_file_reads_as_it_was_given(tmp_path: Path) -> None:
    place = tmp_path / "sub" / "x.md"

    write_text(place, dumped({"name": "x", "version": "1.10", "role": "no"}, "You.\n"))

    spec = load_agent(place).spec
    assert (spec.version, spec.role) == ("1.10", "no")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(CannotWrite):
        write_text(tmp_path / "file" / "x.md", "")


@pytest.mark.parametrize("about", ["", 'Says "no": always # never', "- *x\n---\ny"])
def test_a_new_agent_is_whole_and_its_editor_finds_the_schema(tmp_path: Path, about: str) -> None:
    place, _ = new_agent("new-one", tmp_path / "agents", "{}\n", description=about)

    agent = load_agent(place)
    assert (agent.name, agent.repairs, agent.dialect) == ("new-one", (), "ensemble")
    assert agent.spec.description
    modeline = place.read_text().splitlines()[1]
    named = modeline.removeprefix("# yaml-language-server: $schema=")
    assert (place.parent / named).read_text() == "{}\n"


@pytest.mark.parametrize("name", ["Has Spaces", "../x", "", "UPPER"])
def test_a_name_that_cannot_be_one_is_refused_with_one_that_can(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError):
        new_agent(name, tmp_path, "{}")


def test_a_new_agent_never_replaces_a_file(tmp_path: Path) -> None:
    place, _ = new_agent("x", tmp_path, "{}")

    with pytest.raises(UsageError, match="there is such a file"):
        new_agent("x", tmp_path, "{}")
    assert load_agent(place).name == "x"
