"""One turn: what it asks, how it reads the answer, and what becomes of a bad one."""

import json
from collections.abc import Sequence
from typing import Any, Final

import pytest

from ensemble.errors import OverLimit, Paused
from ensemble.graph.dialogue import Progress
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.seating import Ensemble
from ensemble.graph.state import Document, StateUpdate, Turn
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.turn import take_turn
from ensemble.journal.run_journal import Journal
from ensemble.models.fit import counted
from ensemble.models.messages import plain
from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Reply
from ensemble.roles import Role
from ensemble.testing import Script, scripted
from ensemble.testing.panels import (
    a_candidate,
    a_finding,
    a_request,
    a_state,
    a_turn,
    an_agent,
    an_answer,
    an_ensemble,
    an_evidence,
    scripted_context,
)

REVIEW: Final = Topology(
    "review",
    (
        Edge(START, "panel", Role.PANEL_MEMBER),
        Edge("panel", "auditor", Role.AUDITOR),
        Edge("auditor", "chair", Role.DECISION_MAKER),
        Edge("chair", END),
    ),
)
PANEL_TURN: Final = "panel[0]/panel_member#0"


def review(**cast: Any) -> Ensemble:
    return an_ensemble(REVIEW, {"panel": 2, **cast}, tools=["check_data"])


async def taken(
    script: Any, path: str = "panel[0]", state: Document | None = None, **context: Any
) -> tuple[StateUpdate, RunContext]:
    ensemble = context.pop("ensemble", None) or review()
    run = scripted_context(ensemble, script, **context)
    member = next(member for member in ensemble.members if member.path == path)
    role = ensemble.topology.roles_of(member.seat)[0]
    return await take_turn(ensemble, member, role, state or a_state(), run), run


def the_turn(update: StateUpdate) -> Turn:
    (document,) = update["turns"].values()
    return Turn(**document)


def texts(script: Script, number: int = 0) -> list[str]:
    return [str(message.content) for message in script.asked[number].messages]


async def test_an_answer_becomes_a_turn_that_says_who_gave_it_and_how() -> None:
    script = scripted([an_answer("promote", confidence="medium")])

    update, run = await taken(script)

    turn = the_turn(update)
    assert (turn.key, turn.agent, turn.role, turn.mode) == (
        PANEL_TURN, "panel-0", "panel_member", "evaluative",
    )  # fmt: skip
    assert (turn.status, turn.position, turn.served) == ("answered", "promote", "scripted/panel[0]")
    assert update["asking"] == {"panel[0]@panel_member": None}
    assert [event.event for event in run.journal.events] == [
        "turn_started", "model_asked", "model_replied", "turn_ended",
    ]  # fmt: skip


async def test_an_answer_less_sure_than_its_file_allows_escalates() -> None:
    script = scripted([an_answer("promote", confidence="low")])

    _, run = await taken(script)

    (escalated,) = [event for event in run.journal.events if event.event == "escalated"]
    assert escalated.key == PANEL_TURN
    assert (escalated.value["to"], escalated.value["threshold"]) == ("human", 0.6)


async def test_seats_share_the_first_two_parts_of_the_prompt_byte_for_byte() -> None:
    one, other = scripted([an_answer("promote")]), scripted([an_answer("promote")])
    state = a_state(
        a_turn("panel[1]", answer=an_answer("reject")), evidence=[an_evidence(fit=True)]
    )

    await taken(one, "panel[0]", state)
    await taken(other, "auditor", state)

    assert texts(one)[:2] == texts(other)[:2]
    assert texts(one)[2] != texts(other)[2]
    assert "gate fit passed" in texts(one)[1]
    assert [message.type for message in one.asked[0].messages] == ["system", "human", "human"]


async def test_where_the_window_is_small_evidence_is_told_by_id_kind_and_result() -> None:
    figures = {f"figure_{n}": 0.123456 for n in range(8)}
    state = a_state(evidence=[{**an_evidence(fit=True), "value": figures}])
    roomy, tight = scripted([an_answer("promote")]), scripted([an_answer("promote")])
    await taken(roomy, state=state)
    needed = counted(plain(roomy.asked[0].messages)) + roomy.asked[0].params.max_tokens
    chain = [a_candidate("small", context=needed - 1)]

    update, _ = await taken(tight, state=state, models={"panel[0]": chain})

    assert the_turn(update).answered
    assert "figure_7 0.1235" in texts(roomy)[1]
    assert "L1 check_data digits: fit passed (figures left out" in texts(tight)[1]
    assert (texts(tight)[0], texts(tight)[2]) == (texts(roomy)[0], texts(roomy)[2])


async def test_an_agent_is_told_what_its_own_file_says_of_the_role() -> None:
    skeptic = an_agent("skeptic", ensemble_roles={"auditor": "Doubt each figure"})
    script = scripted([an_answer()])

    await taken(script, "auditor", ensemble=review(auditor=skeptic))

    assert "Doubt each figure" in texts(script)[2]


async def test_a_member_in_its_first_round_reads_nothing_of_its_peers() -> None:
    script = scripted([an_answer("promote")])
    peer = a_turn("panel[1]", answer=an_answer("reject", "the peer's own words"))

    await taken(script, "panel[0]", a_state(peer))

    assert "the peer's own words" not in "\n".join(texts(script))


async def test_no_prompt_says_how_many_seats_there_are() -> None:
    few, many = scripted([an_answer("promote")]), scripted([an_answer("promote")])

    await taken(few, ensemble=an_ensemble(REVIEW, {"panel": 2}))
    await taken(many, ensemble=an_ensemble(REVIEW, {"panel": 7}))

    assert texts(few) == texts(many)


async def test_the_decider_is_asked_about_every_finding_by_its_id() -> None:
    found = a_turn("auditor", "auditor", an_answer(findings=[a_finding(), a_finding("LOW")]))
    script = scripted([an_answer("promote")])

    await taken(script, "chair", a_state(found, evidence=[an_evidence(leak=False)]))

    for name in ("G1", "F1", "F2"):
        assert f"- {name}: accepted | fixed | rejected | deferred" in texts(script)[2]


async def test_an_answer_that_cannot_be_read_is_asked_for_once_more() -> None:
    script = scripted(["I would promote it.", an_answer("reject")])

    update, _ = await taken(script)

    assert the_turn(update).position == "reject"
    assert texts(script, 1)[3] == "I would promote it."
    assert texts(script, 1)[4].startswith("Your reply could not be read:")


@pytest.mark.parametrize(
    "second",
    ["Still prose.", an_answer("perhaps"), '{"result": "cut', a_request("rm")],
)
async def test_a_second_answer_that_cannot_be_read_is_an_abstention(second: Any) -> None:
    script = scripted(["Prose.", second])

    update, _ = await taken(script)

    turn = the_turn(update)
    assert (turn.status, turn.position, turn.answer, turn.model_calls) == (
        "unparsed",
        None,
        None,
        2,
    )
    assert turn.problem
    assert turn.served == "scripted/panel[0]"
    assert script.left_over() == []


CHAIN: Final = (a_candidate("one"), a_candidate("two", fallback=True), a_candidate("three"))


def by_model(**said: Sequence[Any]) -> Any:
    """Return a provider that says each model's lines in turn; what it was asked, in `asked`."""
    lines = {model: list(texts) for model, texts in said.items()}
    asked: list[tuple[str, list[str]]] = []

    async def provider(candidate: Candidate, call: ModelCall) -> Reply:
        asked.append((candidate.model, [str(message.content) for message in call.messages]))
        return Reply(lines[candidate.model].pop(0), f"scripted/{candidate.model}")

    return provider, asked


async def test_a_model_that_nobody_can_read_is_followed_by_the_next_of_its_chain() -> None:
    provider, asked = by_model(
        one=["Prose.", "Still prose."], two=[json.dumps(an_answer("reject"))]
    )

    update, _ = await taken(provider, models={"panel[0]": CHAIN})

    turn = the_turn(update)
    assert (turn.status, turn.served, turn.stand_in) == ("answered", "scripted/two", True)
    assert [(one["model"], one["class"]) for one in turn.fallbacks] == [
        ("scripted/one", "unusable")
    ]
    assert asked[2][1] == asked[0][1]


async def test_each_further_model_is_asked_once_and_then_the_seat_is_lost() -> None:
    provider, asked = by_model(one=["Prose."] * 2, two=["Prose."], three=["Prose."])

    update, _ = await taken(provider, models={"panel[0]": CHAIN})

    turn = the_turn(update)
    assert [model for model, _ in asked] == ["one", "one", "two", "three"]
    assert (turn.status, turn.model_calls, turn.served) == ("unparsed", 4, "scripted/three")
    assert [one["model"] for one in turn.fallbacks] == ["scripted/one", "scripted/two"]


async def test_what_was_measured_after_a_repair_is_told_to_the_next_model_too() -> None:
    progress = Progress("k", "").then(("ai", "a"), ("human", "Measured: fit"))
    repaired = progress.then(("ai", "Prose."), ("human", "Repair it."), repaired=2)
    measured = repaired.then(("ai", "ask"), ("human", "Measured: leak"))

    after = measured.passed_over(1)

    assert [text for _, text in after.dialogue] == ["a", "Measured: fit", "ask", "Measured: leak"]
    assert (after.repaired, after.passed) == (None, 1)


async def test_a_replay_asks_the_next_model_just_as_the_run_did() -> None:
    provider, _ = by_model(one=["Prose."] * 2, two=[json.dumps(an_answer("reject"))])
    update, run = await taken(provider, models={"panel[0]": CHAIN})
    journal = Journal("r", recorded=run.journal.events, replaying=True)

    again, _ = await taken(None, models={"panel[0]": CHAIN}, journal=journal)

    journal.check_complete()
    assert the_turn(again).answered
    assert again == update


@pytest.mark.parametrize(
    ("failure", "status"),
    [(Failure.AUTH, "failed"), (Failure.BAD_REQUEST, "failed"),
     (Failure.CONTENT_FILTER, "refused")],
)  # fmt: skip
async def test_a_seat_whose_chain_gives_no_answer_is_a_turn_that_says_so(
    failure: Failure, status: str
) -> None:
    update, run = await taken(scripted(ModelFailure(failure, "not today")))

    turn = the_turn(update)
    assert (turn.status, turn.served, turn.answer) == (status, None, None)
    assert "not today" in (turn.problem or "")
    assert [attempt["class"] for attempt in turn.fallbacks] == [failure.value]
    assert run.journal.events[-1].event == "turn_ended"


async def test_what_stood_in_and_what_was_cut_is_kept_with_the_turn() -> None:
    chain = [a_candidate("dead"), a_candidate("spare", fallback=True)]
    cut = Reply("**Result**: fine\n**Confidence**: high\n**Position**: promote",
                served="scripted/spare", finish="length")  # fmt: skip
    script = scripted([ModelFailure(Failure.AUTH, "no key"), cut])

    update, _ = await taken(script, models={"panel[0]": chain})

    turn = the_turn(update)
    assert (turn.asked, turn.served, turn.stand_in, turn.truncated, turn.weak) == (
        "dead", "scripted/spare", True, True, False,
    )  # fmt: skip
    assert turn.fallbacks[0]["model"] == "scripted/dead"


async def test_a_request_to_the_lab_keeps_the_turn_open() -> None:
    update, run = await taken(scripted([a_request("check_data", seed=3)]))

    progress = update["asking"]["panel[0]@panel_member"]
    assert "turns" not in update
    assert progress["requests"] == (
        {"tool": "check_data", "spec": {"dataset": "digits", "seed": 3}},
    )
    assert (progress["key"], progress["calls"], progress["lab_rounds"]) == (PANEL_TURN, 1, 1)
    assert "turn_ended" not in [event.event for event in run.journal.events]


async def test_a_turn_that_goes_on_reads_what_it_read_before_and_what_was_said_since() -> None:
    first, second = scripted([a_request()]), scripted([an_answer("promote")])
    update, _ = await taken(first)
    progress = update["asking"]["panel[0]@panel_member"]
    said = [*progress["dialogue"], ["human", "Measured: L1"]]
    waiting = {"panel[0]@panel_member": {**progress, "requests": (), "dialogue": said}}
    # Meanwhile there is more to see; the turn was told at its start what it sees.
    peers = a_state(a_turn("panel[1]", answer=an_answer("reject")), evidence=[
        an_evidence("L1", asked_by=PANEL_TURN, leak=False)])  # fmt: skip

    update, run = await taken(second, state={**peers, "asking": waiting})

    assert texts(second)[:3] == texts(first)
    assert texts(second)[4] == "Measured: L1"
    assert second.asked[0].key == f"{PANEL_TURN}/model#1"
    assert the_turn(update).model_calls == 2
    assert "turn_started" not in [event.event for event in run.journal.events]


async def test_a_second_turn_in_the_same_role_has_a_key_of_its_own() -> None:
    script = scripted([an_answer("promote")])
    before = a_turn("panel[0]", answer=an_answer("reject"))

    update, _ = await taken(script, state=a_state(before))

    assert list(update["turns"]) == ["panel[0]/panel_member#1"]
    assert script.asked[0].key == "panel[0]/panel_member#1/model#0"


async def test_a_person_who_has_to_answer_leaves_the_turn_open() -> None:
    async def asks_a_person(candidate: Candidate, call: ModelCall) -> Reply:
        raise Paused("answer the prompt", where=call.key, fix="write the file")

    update, run = await taken(asks_a_person)

    assert update == {}
    assert [pause.where for pause in run.paused] == [f"{PANEL_TURN}/model#0"]


async def test_a_limit_is_not_taken_for_a_failed_model() -> None:
    with pytest.raises(OverLimit, match="model_calls to 1, the limit is 0"):
        await taken(scripted([an_answer("promote")]), limits=Limits(model_calls=0))
