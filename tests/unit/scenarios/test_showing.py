"""An agent shown as a model would read it, and a graph or scenario as it would be drawn."""

import json
from pathlib import Path
from typing import Final

import pytest

from ensemble.agents.library import load_agent
from ensemble.agents.prompt import Briefing
from ensemble.errors import InvalidFile, UsageError
from ensemble.graph.routing import Condition
from ensemble.graph.seating import Ensemble
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.walk import Walk
from ensemble.journal.file import JournalFile
from ensemble.journal.run_journal import Journal
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Reply
from ensemble.report.agent_text import agent_text
from ensemble.report.chain_text import chain_text
from ensemble.scenarios.graphs import find_topology
from ensemble.scenarios.performance import Plan
from ensemble.scenarios.showing import agent_named, agent_view, chain_of, drawn
from ensemble.testing import scripted
from ensemble.testing.panels import (
    ScriptedLab,
    a_finding,
    a_request,
    an_answer,
    an_ensemble,
    play,
    scripted_context,
)

CHECKOUT: Final = Path(__file__).parents[3]


def test_an_agent_is_shown_in_its_default_role_without_a_task() -> None:
    agent = load_agent(CHECKOUT / "agents" / "ml-engineer.md")

    document = agent_view(agent.path, None)

    assert document["role"] == (agent.spec.ensemble_roles.default or "solo")
    assert document["sha256"] == agent.sha256
    assert 0 < document["tokens"] < document["file_tokens"]
    assert document["prompt"]


def test_each_role_has_its_own_tools_and_words() -> None:
    path = str(CHECKOUT / "agents" / "skeptic.md")

    tiebreaker, auditor = agent_view(path, "tiebreaker"), agent_view(path, "auditor")

    assert tiebreaker["tools"] == []
    assert "Read" in auditor["tools"]
    assert tiebreaker["prompt"] != auditor["prompt"]


def test_an_audit_grade_is_a_claim_that_no_model_reads(tmp_path: Path) -> None:
    path = tmp_path / "tester.md"
    path.write_text(
        "---\nname: tester\nmodel: opus\naudit:\n  auditor: themselves\n"
        "  composite_score: 91\n---\n\n# Tester\n\n## Identity\n\nYou test.\n"
    )

    document = agent_view(str(path), None)

    claim = document["claimed_audit"]
    assert (claim["by"], claim["score"], claim["scale"]) == ("themselves", 91, 100)
    assert "themselves" not in document["prompt"]
    assert "91" not in document["prompt"]


def test_a_place_in_a_pipeline_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "tester.md"
    path.write_text(
        "---\nname: tester\ntier: phd\nphase: 6-9\ngate_type: go-no-go\nnext_phase: complete\n"
        "primary_phases: [2, 3]\ngate_integration: true\n---\nYou test.\n"
    )

    view = agent_view(str(path), None)

    assert view["pipeline"] == {
        "phase": "6-9",
        "gate_type": "go-no-go",
        "next_phase": "complete",
        "primary_phases": ["2", "3"],
        "gate_integration": True,
    }
    assert (
        "pipeline   phase 6-9; gate type go-no-go; next phase complete; primary phases 2, 3;"
        " gate integration"
    ) in agent_text(view)


def test_a_seat_alone_or_deciding_is_told_that_its_word_is_the_last() -> None:
    path = str(CHECKOUT / "agents" / "skeptic.md")

    views = {role: agent_view(path, role) for role in ("solo", "decision_maker", "auditor")}

    last = {role for role, view in views.items() if "is the last word" in view["prompt"]}
    assert last == {"solo", "decision_maker"}
    assert "solo, one of several" not in views["solo"]["prompt"]


def test_a_role_that_the_file_does_not_declare_is_said_to_be_so(tmp_path: Path) -> None:
    path = tmp_path / "tester.md"
    path.write_text(
        "---\nname: tester\nmodel: opus\nensemble_roles:\n  auditor:\n"
        '    behavior: "Test it"\n---\n\n# Tester\n\n## Identity\n\nYou test.\n'
    )

    declared, other = agent_view(str(path), "auditor"), agent_view(str(path), "solo")

    assert (declared["role_declared"], other["role_declared"]) == (True, False)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"role": "soloo"}, "--role: agent 'skeptic' declares no role 'soloo'"),
        ({"mode": "criticall"}, "--mode: agent"),
        ({"tool_mode": "adit"}, "--tool-mode: agent"),
    ],
)
def test_a_word_that_does_not_fit_is_told_with_its_option(given: dict[str, str], told: str) -> None:
    with pytest.raises(InvalidFile) as raised:
        agent_view("skeptic", **{"role": "auditor", **given})

    assert str(raised.value).startswith(told)
    assert raised.value.fix in (
        "did you mean 'solo'?",
        "did you mean 'critical'?",
        "did you mean 'audit'?",
    )


def test_a_tool_that_nobody_has_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "tester.md"
    path.write_text("---\nname: tester\ntools: {audit: 'Read, Gerp', default_mode: audit}\n---\n")

    view = agent_view(str(path), "auditor")

    assert view["tools"] == ["Read"]
    assert {"tool": "Gerp", "held": False, "reason": "no tool is called that"} in view[
        "tool_reasons"
    ]


def test_a_name_is_needed_and_must_be_known() -> None:
    with pytest.raises(UsageError, match="an agent's name is missing"):
        agent_named(None)
    with pytest.raises(InvalidFile, match="did you mean 'skeptic'"):
        agent_named("skeptik")


async def test_every_agents_chain_gives_reasons() -> None:
    chains = await chain_of(None)

    assert {"skeptic", "ml-engineer"} <= {item["agent"] for item in chains}
    assert all(candidate["reason"] for item in chains for candidate in item["chain"])


async def test_a_profile_is_chosen_by_situation_or_by_name() -> None:
    (batch,) = await chain_of("ml-engineer", "batch")
    (balanced,) = await chain_of("ml-engineer", "balanced")

    assert (batch["profile"], balanced["profile"]) == ("budget", "balanced")
    with pytest.raises(UsageError, match="no profile is called 'bugdet'"):
        await chain_of("ml-engineer", "bugdet")


async def test_a_chain_says_what_each_figure_rests_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "of no worth")

    chains = await chain_of("ml-engineer")
    first, last = chains[0]["chain"][0], chains[0]["chain"][-1]
    text = chain_text(chains)

    assert (first["model"], first["price_from"]["date"]) == ("claude-opus-5-5", "2026-10-21")
    assert first["scores_from"]["what"].startswith("whatmodel.sh")
    assert (last["provider"], last["price_from"]) == ("embedded", None)
    assert (
        "asks  opus  anthropic/claude-opus-5-5  (first choice; held to a schema: claimed; " in text
    )
    assert "held to a schema: by construction; 8k tokens; free" in text


def test_a_scenario_is_drawn_with_its_cast_and_who_may_ask_the_lab() -> None:
    shown = drawn(str(CHECKOUT / "scenarios" / "review.yaml"))

    assert shown.topology.name == "review"
    assert shown.members == {
        "panel": ["ml-engineer", "mlops-engineer", "data-scientist"],
        "auditor": ["skeptic"],
        "chair": ["senior-architect"],
    }
    assert set(shown.asking or ()) <= {"panel", "auditor", "chair"}
    assert shown.asking
    assert shown.walk is None


def test_a_graph_is_drawn_with_its_own_cast() -> None:
    shown = drawn("solo")

    assert (shown.topology.name, shown.members, shown.asking) == ("solo", None, None)


def test_a_recording_is_drawn_as_its_run_went_without_the_graph_file() -> None:
    shown = drawn(str(CHECKOUT / "scenarios" / "recordings" / "review" / "expert"))

    assert shown.topology.edges[1] == Edge("panel", "auditor", "auditor")
    assert shown.members == {
        "panel": ["ml-engineer", "mlops-engineer", "data-scientist"],
        "auditor": ["skeptic"],
        "chair": ["senior-architect"],
    }
    assert shown.walk == Walk({0: 1, 1: 1, 2: 1, 3: 1}, frozenset({"panel", "auditor", "chair"}))


async def test_a_run_is_drawn_with_its_loop_its_lab_and_whom_it_lost(tmp_path: Path) -> None:
    replies = scripted(
        {
            "author": [an_answer("promote"), an_answer("reject")],
            "auditor": [a_request(), an_answer(findings=[a_finding()]), an_answer()],
        }
    )

    async def fails_at_last(candidate: Candidate, call: ModelCall) -> Reply:
        if call.key.startswith("auditor/auditor#1"):
            raise ModelFailure(Failure.BAD_REQUEST, "no")
        return await replies(candidate, call)

    ensemble = an_ensemble(find_topology("revise"), tools=["check_data"])
    journal = Journal("r-1", file=JournalFile.create(tmp_path / "r-1", "r-1"))
    journal.note("run_started", "run", value=a_plan(ensemble).inputs())
    await play(
        ensemble,
        scripted_context(ensemble, fails_at_last, journal=journal, lab=ScriptedLab()),
    )
    journal.close()

    shown = drawn(str(tmp_path / "r-1"))

    assert shown.topology.edges[2].when is not None
    assert shown.topology.edges[2].when.name == "found WARNING"
    assert shown.members == {"author": ["author"], "auditor": ["auditor, failed"]}
    assert shown.asking == ["auditor"]
    assert shown.walk == Walk(
        {0: 1, 1: 2, 2: 1, 3: 1}, frozenset({"author", "auditor"}), frozenset({"auditor"})
    )


async def test_of_two_ways_that_enter_the_same_seats_the_one_that_was_taken_is_drawn(
    tmp_path: Path,
) -> None:
    never = Condition("never", lambda _: False)
    topology = Topology(
        "alike",
        (
            Edge(START, "a", "solo"),
            Edge("a", "b", "auditor", when=never),
            Edge("a", ("c", "b"), "auditor", at_most=1),
            Edge("b", END),
            Edge("c", END),
        ),
    )
    journal = await a_run_of(topology, tmp_path / "r-1")

    shown = drawn(str(tmp_path / "r-1"))

    assert shown.walk is not None
    assert shown.walk.taken == {0: 1, 2: 1, 3: 1, 4: 1}
    assert [e.body["via"] for e in journal.events if e.event == "turn_started"] == [
        {"START/0": 1},
        {"a/1": 1},
        {"a/1": 1},
    ]


async def test_an_undecided_run_is_drawn_as_far_as_its_turns_had_begun(tmp_path: Path) -> None:
    await a_run_of(find_topology("revise"), tmp_path / "r-1")
    journal = tmp_path / "r-1" / "events.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text(
        "".join(lines[: next(n for n, line in enumerate(lines) if "decided" in line)])
    )

    shown = drawn(str(tmp_path / "r-1"))

    assert shown.walk == Walk({0: 1, 1: 1}, frozenset({"author", "auditor"}))


@pytest.mark.parametrize("decided", [True, False])
def test_a_journal_that_does_not_count_its_edges_is_drawn_without_a_way(
    tmp_path: Path,
    decided: bool,  # noqa: FBT001
) -> None:
    journal = Journal("r-1", file=JournalFile.create(tmp_path / "r-1", "r-1"))
    plan = a_plan(an_ensemble(find_topology("revise")))
    journal.note("run_started", "run", value=plan.inputs())
    journal.note("turn_started", "author/solo#0", agent="author")
    if decided:
        journal.note("decided", "decision", value={"evidence": []})
    journal.close()

    shown = drawn(str(tmp_path / "r-1"))

    assert shown.walk is None
    assert shown.members == {"author": ["author"], "auditor": ["auditor"]}


@pytest.mark.parametrize(
    "value", ["{}", '{"graph": 1}', '{"graph": {"name": "x", "edges": [{}]}, "cast": {}}', "null"]
)
def test_a_journal_that_does_not_say_what_was_run_is_named(tmp_path: Path, value: str) -> None:
    journal = Journal("r-1", file=JournalFile.create(tmp_path / "r-1", "r-1"))
    if value != "null":
        journal.note("run_started", "run", value=json.loads(value))
    journal.close()

    with pytest.raises(InvalidFile) as caught:
        drawn(str(tmp_path / "r-1"))

    assert "events.jsonl" in caught.value.where


def test_a_name_that_is_no_graph_and_no_run_is_told_the_nearest() -> None:
    with pytest.raises(UsageError, match="no graph and no run is called 'reveiw'") as caught:
        drawn("reveiw")

    assert caught.value.fix == "did you mean 'review'?"


async def a_run_of(topology: Topology, folder: Path) -> Journal:
    """Play a run in which everyone answers, and return its closed journal."""
    ensemble = an_ensemble(topology)
    journal = Journal(folder.name, file=JournalFile.create(folder, folder.name))
    journal.note("run_started", "run", value=a_plan(ensemble).inputs())
    replies = scripted({"*": an_answer("promote")})
    await play(ensemble, scripted_context(ensemble, replies, journal=journal))
    journal.close()
    return journal


def a_plan(ensemble: Ensemble) -> Plan:
    return Plan("revise", None, ensemble, Briefing("Promote?"))


async def test_a_profile_that_is_none_is_told_each_other_once() -> None:
    with pytest.raises(UsageError) as raised:
        await chain_of("ml-engineer", "foo")

    named = raised.value.fix.removeprefix("use one of: ").split(", ")
    assert len(named) == len(set(named)) > 5
