"""A cast proposed: by files, by words, by roles, by who escalates to whom."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from ensemble.agents.library import Agent, load_agents
from ensemble.errors import UsageError
from ensemble.graph.topology import Topology
from ensemble.scenarios.graphs import find_topology
from ensemble.scenarios.proposal import files_below, propose
from ensemble.strict_yaml import read_yaml

HEAD: Final = """\
---
name: {name}
description: {description}
escalation: {{escalate_to: {to}}}
ensemble_roles: {{{roles}, default: {born}}}
proactive_triggers: [{triggers}]
---
## Identity

You are here.

**Vocabulary**: {vocabulary}
"""
CREW: Final = {
    "rigger": {
        "description": "Sets ropes",
        "to": "captain",
        "roles": 'panel_member: "Judge ropes"',
        "born": "panel_member",
        "triggers": '"*.rope", "*knot*"',
        "vocabulary": "splice, shroud",
    },
    "painter": {
        "description": "Paints hulls",
        "to": "captain",
        "roles": 'panel_member: "Judge paint"',
        "born": "solo",
        "triggers": '"*hull*paint*", "The varnish comes off"',
        "vocabulary": "primer, gloss",
    },
    "cook": {
        "description": "Cooks",
        "to": "human",
        "roles": 'panel_member: "Judge soup"',
        "born": "solo",
        "triggers": '"*.soup"',
        "vocabulary": "salt",
    },
    "surveyor": {
        "description": "Finds rot",
        "to": "captain",
        "roles": 'auditor: "Doubt it"',
        "born": "auditor",
        "triggers": '"*.rot"',
        "vocabulary": "rot",
    },
    "captain": {
        "description": "Commands",
        "to": "human",
        "roles": 'decision_maker: "Decide"',
        "born": "decision_maker",
        "triggers": '"*.log"',
        "vocabulary": "course",
    },
    "admiral": {
        "description": "Commands captains",
        "to": "human",
        "roles": 'decision_maker: "Decide"',
        "born": "decision_maker",
        "triggers": '"*.fleet"',
        "vocabulary": "fleet",
    },
}


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Agent]:
    folder = tmp_path_factory.mktemp("crew")
    for name, words in CREW.items():
        (folder / f"{name}.md").write_text(HEAD.format(name=name, **words))
    return load_agents(folder).agents


@pytest.fixture(scope="module")
def review() -> Topology:
    return find_topology("review")


def test_seats_go_to_those_who_are_called_for(crew: Mapping[str, Agent], review: Topology) -> None:
    proposal = propose(crew, review, files=["mast/main.rope"], task="Is the hull well painted?")

    assert proposal.cast == {
        "panel": ["painter", "rigger"],
        "auditor": "surveyor",
        "chair": "captain",
    }


def test_every_seat_says_why(crew: Mapping[str, Agent], review: Topology) -> None:
    proposal = propose(
        crew, review, files=["a.rope", "b.rope"], task="Check the splice of the painted hull"
    )

    reasons = {proposed.agent: proposed.reasons for proposed in proposal.seats}
    assert "its trigger *.rope meets a.rope and 1 more" in reasons["rigger"]
    assert "the task speaks of its field: splice" in reasons["rigger"]
    assert "its file's own role is auditor" in reasons["surveyor"]
    assert "painter, rigger, surveyor escalate to it" in reasons["captain"]
    assert all(reasons.values())


def test_the_block_is_the_cast_of_a_scenario(crew: Mapping[str, Agent], review: Topology) -> None:
    proposal = propose(crew, review, files=["a.rope"])

    assert read_yaml(proposal.block, path="block").value == {"cast": proposal.cast}
    assert proposal.cast["panel"] == ["rigger"]
    assert proposal.document()["schema"] == "ensemble/cast@1"


def test_a_panel_is_no_larger_than_asked(crew: Mapping[str, Agent], review: Topology) -> None:
    files = ["a.rope", "b.soup"]

    proposal = propose(crew, review, files=files, task="hull paint", members=2)

    assert len(proposal.cast["panel"]) == 2


def test_a_sentence_is_a_hint_and_never_a_match(
    crew: Mapping[str, Agent], review: Topology
) -> None:
    proposal = propose(crew, review, files=["a.rope"], task="The varnish comes off")

    assert proposal.hints == ("painter: The varnish comes off",)
    assert "painter" not in proposal.cast["panel"]


def test_who_is_called_for_most_sits_on_a_panel_unless_another_seat_needs_it(
    crew: Mapping[str, Agent], review: Topology, tmp_path: Path
) -> None:
    (tmp_path / "diver.md").write_text(HEAD.format(name="diver", **CREW["surveyor"]))
    task = "Where did the rigging and the ropes find rot?"
    several = {**crew, **load_agents(tmp_path).agents}

    alone = propose(crew, review, files=["a.rope"], task=task).cast
    both = propose(several, review, files=["a.rope"], task=task).cast

    assert (alone["panel"], alone["auditor"]) == (["rigger"], "surveyor")
    assert (both["panel"], both["auditor"]) == (["rigger", "diver"], "surveyor")


def test_a_word_that_many_agents_use_calls_for_none(
    crew: Mapping[str, Agent], review: Topology, tmp_path: Path
) -> None:
    for name in "abc":
        words = {**CREW["cook"], "description": f"Cooks {name} soup with harpoons"}
        (tmp_path / f"{name}.md").write_text(HEAD.format(name=name, **words))
    several = {**crew, **load_agents(tmp_path).agents}

    with pytest.raises(UsageError) as refused:
        propose(several, review, files=[], task="Do we need harpoons?")

    assert "say more" in refused.value.fix


def test_where_nobody_is_called_for_nobody_is_proposed(
    crew: Mapping[str, Agent], review: Topology
) -> None:
    with pytest.raises(UsageError) as refused:
        propose(crew, review, files=["a.txt"])

    assert "--task" in refused.value.fix


def test_files_are_named_from_the_project_and_hidden_ones_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for place in (project, elsewhere):
        for name in ("src/a/b.pt", "src/.git/c.pt", ".github/ci.yml", "d.py"):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text("")
    monkeypatch.chdir(project)

    below, one = files_below([Path("src")]), files_below([project / "src" / "a" / "b.pt"])

    assert below == one == ["src/a/b.pt"]
    assert files_below([Path(), Path("d.py")]) == [".github/ci.yml", "d.py", "src/a/b.pt"]
    assert files_below([elsewhere / "src", elsewhere / "d.py"]) == ["a/b.pt", "d.py"]
    with pytest.raises(UsageError):
        files_below([project / "nowhere"])
