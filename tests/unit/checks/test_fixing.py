"""What `--fix` writes: the slip mended, everything else as its author left it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ensemble.agents.library import load_agents
from ensemble.agents.repairs import WRITTEN_OUT
from ensemble.checks.fixing import Fixed, fix
from ensemble.checks.problem import Problem
from ensemble.checks.run import check_agents
from ensemble.errors import CannotWrite

Check = Callable[..., list[Problem]]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("tier: expert", "teir: expert"),
        ("tier: expert", "tier: exprt"),
        ("tier: expert", 'tier: "exprt"'),
        ("solution: Read, Write", "solution: Read, Writ"),
        ("solution: Read, Write", "solution: Read; Write"),
        ("solution: Read, Write", "solution: Read/Write"),
        ("default_mode: audit", "default_mode: aduit"),
        ("[reasoning,", "[reasonin,"),
        ("## Knowledge Sources", "## Knowlege Sources"),
        ("### When Generative", "### When Genertive"),
        ("[CRITICAL]", "[CRITICL]"),
        ("You read", "You \u2067re\u200bad"),
        ("\n12. Look for summer time\n13. Comp", "\n14. Look for summer time\n13. Comp"),
    ],
)
def test_one_slip_is_mended_and_nothing_else_is_touched(
    check: Check, tmp_path: Path, old: str, new: str
) -> None:
    check()
    path = tmp_path / "agents" / "tide-keeper.md"
    sound = path.read_text()
    problems = check(old, new)

    done = fix(problems)

    assert [each.file for each in done] == [str(path)]
    assert path.read_text().replace('"expert"', "expert") == sound


def test_several_slips_in_one_line_and_file_are_mended_together(
    check: Check, tmp_path: Path
) -> None:
    problems = check("  audit: Read, Grep\n", "  audt: Raed, Gerp\n")

    fix(problems)

    text = (tmp_path / "agents" / "tide-keeper.md").read_text()
    assert "  audit: Read, Grep\n" in text


def test_a_slip_in_a_line_with_tabs_is_mended_where_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "keeper.md"
    path.write_text(
        "---\nname: keeper\ndescription: Keeps\ntools:\n\taudit:\tRead, Gerp\n"
        "\tdefault_mode: audit\n---\nKeep.\n"
    )
    problems = check_agents(load_agents(path))

    fix(problems)

    (told,) = [problem for problem in problems if problem.code == "W301"]
    assert (told.line, told.column) == (5, 15)
    assert "  audit:  Read, Grep\n" in path.read_text()


def test_a_second_fix_finds_nothing_to_do(check: Check, tmp_path: Path) -> None:
    problems = check("tier: expert", "teir: expert")
    fix(problems)
    before = (tmp_path / "agents" / "tide-keeper.md").stat().st_mtime_ns

    done = fix(problems)

    assert done == []
    assert (tmp_path / "agents" / "tide-keeper.md").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("audit: Read, Grep", "audit: Read, Edit"),
        ("audit: Read, Grep", "audit: Read, GrepFile"),
        ("audit: Read, Grep", "audit: Read, Fetch"),
        ("model: opus", "model: opsu"),
        ("minimum_tier: medium", "minimun_tier: gigantic"),
        ("- llama3.3:70b", "- llama3.1:70b"),
        ('"10 vocabulary terms', '"12 vocabulary terms'),
        ("tier: expert\n", "tier: expert\n<function call omitted>\n"),
    ],
)
def test_what_needs_a_person_is_left(check: Check, tmp_path: Path, old: str, new: str) -> None:
    problems = check(old, new)
    assert {problem.severity for problem in problems} == {"warning", "note"}
    before = (tmp_path / "agents" / "tide-keeper.md").read_bytes()

    done = fix(problems)

    assert done == []
    assert (tmp_path / "agents" / "tide-keeper.md").read_bytes() == before


MALFORMED = """\

----
# a ruler
name: lamp-lighter
description: Lights lamps: all of them, at dusk
model: opus
tools:  - Read
  - Grep
color:\tblue
---
Light the lamps.
"""


def test_repairs_are_written_out_and_comments_kept(tmp_path: Path) -> None:
    path = tmp_path / "lamp-lighter.md"
    path.write_bytes(b"\xef\xbb\xbf" + MALFORMED.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    before = load_agents(path)["lamp-lighter"]
    problems = check_agents(load_agents(path))

    done = fix(problems)

    after = load_agents(path)["lamp-lighter"]
    assert done == [Fixed(str(path), ("W001",))]
    assert before.repairs
    assert after.repairs == ()
    assert after.spec == before.spec
    assert path.read_bytes().startswith(b"---\n# a ruler\nname: lamp-lighter\n")
    assert b"\r" not in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_text_that_runs_on_at_the_left_edge_becomes_one_line(tmp_path: Path) -> None:
    path = tmp_path / "greeter.md"
    path.write_text(
        "---\nname: greeter\ndescription: Greets people: often\nuser: hello\n\nand good day\n"
        "model: sonnet\n---\nGreet.\n"
    )
    before = load_agents(path)["greeter"].spec.description

    fix(check_agents(load_agents(path)))

    lines = path.read_text().split("\n")
    assert load_agents(path)["greeter"].spec.description == before
    assert "hello" in before
    assert lines[2].startswith("description: ")
    assert lines[3] == "model: sonnet"


@pytest.mark.parametrize(
    "field",
    [
        "description: |\n  first\n  ---\n  second\nmodel:\topus",
        "description: Keeps\nproactive_triggers:  - *.a\n  - b: c and d: e\nmodel: opus",
        "description: Keeps: all\n# ---- WHY ----\nso: it says\nmodel: opus",
        "description: Keeps\nescalation:\n  triggers:\n    - Loss: it grew\n",
        "description: Keeps\ntools: read: all\nand more of it\n",
    ],
)
def test_writing_repairs_out_loses_nothing(tmp_path: Path, field: str) -> None:
    path = tmp_path / "keeper.md"
    path.write_text(f"---\nname: keeper\n{field}\n---\nKeep.\n")
    (before,) = load_agents(path).values()

    done = fix(check_agents(load_agents(path)))

    (after,) = load_agents(path).values()
    assert done
    assert (after.spec, after.body) == (before.spec, before.body)
    assert (bool(before.repairs), after.repairs) == (True, ())
    assert ("# ---- WHY ----" in field) == ("# ---- WHY ----" in path.read_text())


def test_a_repair_that_a_person_must_judge_is_left(tmp_path: Path) -> None:
    path = tmp_path / "twice.md"
    path.write_text("---\nname: twice\ndescription: a\ndescription: b\n---\nTwo.\n")
    before = path.read_bytes()

    done = fix(check_agents(load_agents(path)))

    assert (done, path.read_bytes()) == ([], before)


def test_a_link_stays_a_link(check: Check, tmp_path: Path) -> None:
    check("tier: expert", "teir: expert")
    link = tmp_path / "tide-keeper.md"
    link.symlink_to(tmp_path / "agents" / "tide-keeper.md")

    done = fix(check_agents(load_agents(link)))

    assert done
    assert link.is_symlink()
    assert "teir" not in link.read_text()


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(
    check: Check, tmp_path: Path
) -> None:
    problems = check("tier: expert", "teir: expert")
    (tmp_path / "agents" / ".tide-keeper.md.part").mkdir()

    with pytest.raises(CannotWrite, match=r"tide-keeper\.md: cannot be written"):
        fix(problems)

    assert "teir" in (tmp_path / "agents" / "tide-keeper.md").read_text()


FIXTURES: Final = Path(__file__).parents[2] / "fixtures" / "agents"


@pytest.mark.parametrize("kind", ["malformed", "dialects"])
def test_what_a_file_says_is_the_same_before_and_after(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / kind
    shutil.copytree(FIXTURES / kind, folder)
    before = load_agents(folder)

    fix(check_agents(before))

    after = load_agents(folder)
    assert {name: (agent.spec, agent.body) for name, agent in after.items()} == {
        name: (agent.spec, agent.body) for name, agent in before.items()
    }
    left = {repair.code for agent in after.values() for repair in agent.repairs}
    assert left.isdisjoint(WRITTEN_OUT)
