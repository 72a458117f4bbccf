"""Foreign files become ours: nothing is dropped, and every field's fate is told."""

from pathlib import Path

import pytest

from ensemble.agents.importing import import_agents
from ensemble.agents.library import load_agent, load_agents
from ensemble.errors import UsageError
from ensemble.report.import_text import as_document, as_text

FIXTURES = Path(__file__).parents[2] / "fixtures" / "agents"


def test_every_foreign_agent_is_ours_afterwards_and_says_the_same(tmp_path: Path) -> None:
    before = load_agents(FIXTURES / "dialects")

    report = import_agents(FIXTURES / "dialects", tmp_path / "agents")

    after = load_agents(tmp_path / "agents")
    assert set(after) == set(before)
    assert after.faults == ()
    assert {agent.dialect for agent in after.values()} == {"ensemble"}
    assert all(agent.repairs == () for agent in after.values())
    for name, agent in after.items():
        old = before[name]
        assert agent.body.identity == old.body.identity
        assert agent.spec.description == old.spec.description
        assert (agent.spec.model, agent.spec.model_fallbacks) == (
            old.spec.model,
            old.spec.model_fallbacks,
        )
        assert agent.mcp_servers == old.mcp_servers
        for mode in ("audit", "solution", "research"):
            assert agent.spec.tools.listed(mode) == old.spec.tools.listed(mode)
    assert len(report.files) == len(before)


def test_what_nothing_acts_on_is_kept_and_told(tmp_path: Path) -> None:
    report = import_agents(FIXTURES / "dialects" / "claude-code.md", tmp_path)

    (file,) = report.files
    extra = load_agent(tmp_path / "tide-reader.md").spec.model_extra or {}
    kept = extra["imported"]
    assert (kept["from"], kept["file"]) == ("claude-code", "claude-code.md")
    assert kept["unused"]["hooks"] == {"PreToolUse": [{"matcher": "Bash"}]}
    assert set(kept["unused"]) == set(file.lost)
    told = as_text(report)
    assert "not acted on  maxTurns: a scenario's limits bound a run" in told
    assert "1 of 1 agents written, 10 fields not acted on" in told
    assert as_document(report)["files"][0]["lost"] == file.lost


def test_what_was_changed_is_kept_as_it_was(tmp_path: Path) -> None:
    source = tmp_path / "in" / "payer.md"
    source.parent.mkdir()
    source.write_text(
        "---\nname: payer\ndescription: Pays\ntools: Read, Bash, Task(writer), mcp__a__b\n"
        "permissionMode: plan\n---\nPay.\n"
    )

    report = import_agents(source, tmp_path / "out")

    kept = (load_agent(tmp_path / "out" / "payer.md").spec.model_extra or {})["imported"]
    assert kept["changed"] == {
        "tools": "Read, Bash, Task(writer), mcp__a__b",
        "permissionMode": "plan",
    }
    assert "without Bash, Task(writer), mcp__a__b" in as_text(report)


def test_numbers_and_comments_are_kept_as_they_are_written(tmp_path: Path) -> None:
    source = tmp_path / "in" / "gardener.agent.md"
    source.parent.mkdir()
    source.write_text(
        "---\n# the garden's own\ndescription: Digs\nmetadata:\n  version: 1.10\n  of: [0x1F, no]\n"
        "---\nDig.\n"
    )

    import_agents(source, tmp_path / "out")

    text = (tmp_path / "out" / "gardener.md").read_text()
    assert "version: 1.10\n" in text
    assert "- 0x1F\n" in text
    assert "# the garden's own" in text


def test_a_mended_file_of_ours_is_written_mended_with_its_comments(tmp_path: Path) -> None:
    source = tmp_path / "in" / "x.md"
    source.parent.mkdir()
    source.write_text(
        "---\n# ---- WHO ----\nname: {agent-name}\nrole: executor | auditor  # choose\n"
        "tier: focused # how deep\ncolour: red\ndescription: **Bold** one\nversion: 1.10\n"
        "---\nYou.\n"
    )

    import_agents(source, tmp_path / "out")

    text = (tmp_path / "out" / "x.md").read_text()
    assert text == (
        "---\n# ---- WHO ----\nname: x\n"
        "tier: focused # how deep\ncolour: red\ndescription: '**Bold** one'\nversion: 1.10\n"
        "---\nYou.\n"
    )


def test_what_is_malformed_is_loaded_clean_after_an_import(tmp_path: Path) -> None:
    report = import_agents(FIXTURES / "malformed", tmp_path)

    library = load_agents(tmp_path)
    before = load_agents(FIXTURES / "malformed")
    assert set(library) == set(before)
    assert [agent.repairs for agent in library.values() if agent.repairs] == []
    assert all(library[name].spec.description == before[name].spec.description for name in before)
    assert len(report.faults) == 2
    assert len(report.skipped) == 4


def test_a_file_that_is_there_is_kept_unless_it_is_forced(tmp_path: Path) -> None:
    source = FIXTURES / "dialects" / "cursor.md"
    place = tmp_path / "moss-watcher.md"
    place.write_text("mine")

    first = import_agents(source, tmp_path)
    kept = place.read_text()
    second = import_agents(source, tmp_path, over=True)

    assert (kept, first.files[0].written) == ("mine", None)
    assert "--force" in as_text(first)
    assert second.files[0].written == str(place)
    assert load_agent(place).name == "moss-watcher"


def test_two_files_of_one_name_are_not_written_over_each_other(tmp_path: Path) -> None:
    report = import_agents(FIXTURES / "malformed", tmp_path, over=True)

    twins = [file for file in report.files if file.name == "twin"]
    assert [file.written is None for file in twins] == [False, True]
    assert "another file here is called 'twin' too" in as_text(report)
    assert load_agent(tmp_path / "twin.md").body.identity == "One."


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        import_agents(tmp_path / "nowhere", tmp_path)
