"""Any sound topology with any cast: it ends within its bounds, and order decides nothing.

Topologies are drawn whole: seats of one or several, roles, conditions, ways of unequal length
that part and join, bounded loops. What their seats say is drawn from a seed by agent, role and
occurrence, so that it follows an agent wherever it sits and whenever it is asked.
"""

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from ensemble.agents.prompt import Briefing
from ensemble.graph.bounds import Bounds, bounds_of
from ensemble.graph.decision import LEVELS
from ensemble.graph.fitness import misfits
from ensemble.graph.person import brought
from ensemble.graph.rounds import entries_at_most
from ensemble.graph.routing import Condition, found, split, unsure
from ensemble.graph.run_context import Limits, RunContext
from ensemble.graph.seating import Ensemble, Rules
from ensemble.graph.soundness import faults_of
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.graph.ways import forward
from ensemble.journal.digest import digest
from ensemble.lab.specs import Spec
from ensemble.models.policy import Policy
from ensemble.models.provider import (
    Candidate,
    Failure,
    ModelCall,
    ModelFailure,
    Params,
    Provider,
    Reply,
)
from ensemble.roles import Authority, Role
from ensemble.testing import scripted
from ensemble.testing.panels import (
    TASK,
    ScriptedLab,
    a_candidate,
    a_finding,
    a_request,
    an_agent,
    an_answer,
    an_ensemble,
    play,
    scripted_context,
)

pytestmark = pytest.mark.timeout(3600)  # a night is long

EXAMPLES: Final = settings().max_examples
SOME: Final = settings(max_examples=EXAMPLES // 2)
MANY: Final = settings(max_examples=1000 if "CI" in os.environ else max(150, EXAMPLES))
CHAIR: Final = "chair"
CHOICES: Final = ("promote", "reject", "wait")
ODD: Final = Condition("odd", lambda state: len(state.get("turns", {})) % 2 == 1)
CONDITIONS: Final = (found(), split(), ~split(), unsure(), ODD, found() | ODD)
CLAIMS: Final = 0.3
"""How often an answer claims something that nobody checks."""
FIRST: Final = (Role.PANEL_MEMBER, Role.PANEL_MEMBER, Role.INPUT_PROVIDER, Role.SOLO)
LATER: Final = (*FIRST, Role.AUDITOR, Role.ADVISEE, Role.TIEBREAKER, Role.GATE_REVIEWER)
FAILURES: Final = (Failure.TRANSPORT, Failure.RATE_LIMIT, Failure.AUTH, Failure.CONTENT_FILTER)
TOOLS: Final = ("check_data",)
PARAMS: Final = Params(max_tokens=100)
"""About what the longest answer here takes."""


@dataclass(frozen=True)
class Drawn:
    """A sound topology, how many sit where, how they decide, and what they say."""

    topology: Topology
    sizes: Mapping[str, int]
    rules: Rules
    seed: int
    order: Mapping[str, Sequence[int]] = field(default_factory=dict[str, Sequence[int]])
    """Seat to the order in which its agents sit; left out, the order of their numbers."""

    def seated(self, *, tools: Sequence[str] = ()) -> Ensemble:
        cast = {
            seat: [an_agent(f"{seat}-{n}") for n in self.order.get(seat, range(size))]
            for seat, size in self.sizes.items()
        }
        return an_ensemble(self.topology, cast, choices=CHOICES, rules=self.rules, tools=tools)


ENTERED_AS_IT_FINISHES: Final = Drawn(
    Topology(
        "drawn",
        (
            Edge(START, ("b",), Role.PANEL_MEMBER),
            Edge("a", ("c", "d", "e"), Role.GATE_REVIEWER, unsure()),
            Edge("a", END),
            Edge("b", ("a", "b"), Role.PANEL_MEMBER, at_most=1),
            Edge("b", END),
            Edge("c", ("d",), Role.PANEL_MEMBER),
            Edge("d", END),
            Edge("e", ("a",), Role.PANEL_MEMBER, at_most=1),
            Edge("e", END),
        ),
    ),
    sizes=dict.fromkeys("abcde", 1),
    rules=Rules(),
    seed=0,
)
"""`c` ends its first turn in the very step in which `a` enters it again."""


@st.composite
def drawn_panels(draw: st.DrawFn, *, conditions: bool = True) -> Drawn:
    seats = list("abcde")[: draw(st.integers(1, 5))]
    chaired = draw(st.booleans())
    edges: list[Edge] = []
    for place, seat in enumerate(seats):
        later = seats[place + 1 :]
        if draw(st.booleans()):
            to = draw(some_of(seats[: place + 1]))
            when = draw(st.sampled_from([None, *CONDITIONS])) if conditions else None
            edges.append(Edge(seat, to, draw_role(draw), when, draw(st.integers(1, 3))))
        if conditions and later and draw(st.booleans()):
            when = draw(st.sampled_from(CONDITIONS))
            edges.append(Edge(seat, draw(some_of(later)), draw_role(draw), when))
        if later and draw(st.booleans()):
            edges.append(Edge(seat, draw(some_of(later)), draw_role(draw)))
        elif chaired:
            edges.append(Edge(seat, CHAIR, Role.DECISION_MAKER))
        else:
            edges.append(Edge(seat, END))
    if chaired:
        edges.append(Edge(CHAIR, END))
    begun = set(draw(some_of(seats))) | unreached(seats, edges)
    start = Edge(START, tuple(sorted(begun)), draw(st.sampled_from(FIRST)))
    topology = Topology("drawn", (start, *edges))
    drawn = Drawn(
        topology,
        {seat: draw(st.integers(1, 3)) for seat in seats} | ({CHAIR: 1} if chaired else {}),
        Rules(
            draw(st.sampled_from(["chair", "majority", "unanimous", "weighted"])),
            draw(st.integers(1, 3)),
            weights={"a-0": 2.0, "b-1": 0.5},
        ),
        draw(st.integers(0, 2**20)),
    )
    assume(not faults_of(topology) and not misfits(drawn.seated()))
    return drawn


def some_of(seats: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(list(seats)), min_size=1, max_size=3, unique=True).map(
        lambda chosen: tuple(sorted(chosen))
    )


def draw_role(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(LATER))


def unreached(seats: Sequence[str], edges: Sequence[Edge]) -> set[str]:
    return set(seats) - {target for edge in edges for target in edge.targets}


def voice(
    seed: int,
    *,
    whims: bool = False,
    lost: Sequence[str] = (),
    pauses: random.Random | None = None,
) -> Provider:
    """Return a provider that says what the seed has each agent say.

    Args:
        seed: draws every answer.
        whims: whether it also fails, talks nonsense and goes to the lab.
        lost: agents whose models never answer.
        pauses: draws how many turns of the event loop each answer takes.
    """
    heard: Counter[str] = Counter()

    async def speak(candidate: Candidate, call: ModelCall) -> Reply:
        occasion = f"{seed} {candidate.model} {call.key.partition('/')[2]}"
        heard[occasion] += 1
        said = drawn_from(f"{occasion} {heard[occasion]}")
        for _ in range(pauses.randrange(6) if pauses else 0):
            await asyncio.sleep(0)
        if candidate.model.removesuffix("-spare") in lost:
            raise ModelFailure(Failure.AUTH, "no key")
        whim = said.random() if whims else 1.0
        if whim < 0.15:
            raise ModelFailure(said.choice(FAILURES), "no")
        if whim < 0.3:
            return await scripted("What a lovely evening.")(candidate, call)
        if whim < 0.5:
            request = a_request(*TOOLS, seed=said.randrange(4))
            return await scripted({"*": request})(candidate, call)
        return await scripted({"*": an_opinion(said)})(candidate, call)

    return speak


def drawn_from(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same every time is what is wanted


def an_opinion(said: random.Random) -> dict[str, Any]:
    findings = [a_finding(said.choice(["CRITICAL", "LOW"]))] if said.random() < 0.4 else []
    confidence = said.choice(["high", "low"])
    claims = [{"text": "it is so", "evidence": None}] if said.random() < CLAIMS else []
    return an_answer(said.choice(CHOICES), findings=findings, confidence=confidence, claims=claims)


def on_stage(ensemble: Ensemble, provider: Provider, lab: ScriptedLab | None = None) -> RunContext:
    """Return a run without limits or waits; a second model stands behind each agent's own.

    Its decision is confirmed where a person has to.
    """
    chains = {
        member.path: [
            a_candidate(member.agent.name),
            a_candidate(f"{member.agent.name}-spare", fallback=True),
        ]
        for member in ensemble.members
    }
    run = scripted_context(
        ensemble,
        provider,
        lab=lab or ScriptedLab(),
        limits=Limits(None, model_calls=None),
        models=chains,
    )
    person = brought({"decision": "confirm"})  # unsure agents hand over to one
    return replace(run, policy=Policy(backoff_s=0.0), params=PARAMS, person=person)


def decided(drawn: Drawn, provider: Provider) -> tuple[dict[str, Any], set[str]]:
    """Return the decision and the keys of the turns it was made from."""
    ensemble = drawn.seated()
    state = asyncio.run(play(ensemble, on_stage(ensemble, provider)))
    return state["decision"], set(state["turns"])


def bounds_for(ensemble: Ensemble, run: RunContext) -> Bounds:
    return bounds_of(ensemble, Briefing(TASK, CHOICES), run.chains, params=PARAMS)


def used(run: RunContext, event: str, count: Callable[[Any], int]) -> Counter[tuple[str, str]]:
    """Return what the calls of each (path, role) come to."""
    total: Counter[tuple[str, str]] = Counter()
    for item in run.journal.events:
        if item.event == event:
            path, role = item.key.split("/")[:2]
            total[path, role.partition("#")[0]] += count(item)
    return total


@MANY
@given(drawn_panels())
@example(ENTERED_AS_IT_FINISHES)
def test_a_run_ends_and_takes_no_more_than_was_counted(drawn: Drawn) -> None:
    ensemble = drawn.seated(tools=TOOLS)
    run = on_stage(ensemble, voice(drawn.seed, whims=True))

    state = asyncio.run(asyncio.wait_for(play(ensemble, run), 60))

    calls = used(run, "model_asked", lambda _: 1)
    tokens = used(
        run,
        "model_replied",
        lambda e: e.body["usage"]["input_tokens"] + e.body["usage"]["output_tokens"],
    )
    event(f"{min(9, len(state['turns']) // 5) * 5} turns or more")
    assert state["decision"]["authority"] in list(Authority)
    for turn in bounds_for(ensemble, run).turns:
        assert calls[turn.path, turn.role] <= turn.worst_calls
        assert tokens[turn.path, turn.role] <= turn.worst_tokens
    turns = Counter((doc["path"], doc["seat"], doc["role"]) for doc in state["turns"].values())
    at_most = entries_at_most(ensemble.topology, forward(ensemble.topology))
    for (_, seat, role), number in turns.items():
        assert number <= at_most[seat, role]


@SOME
@given(drawn_panels(conditions=False))
def test_where_nothing_goes_wrong_a_run_takes_just_what_was_counted(drawn: Drawn) -> None:
    ensemble = drawn.seated()
    run = on_stage(ensemble, voice(drawn.seed))

    asyncio.run(play(ensemble, run))

    clean = {(turn.path, turn.role): turn.clean_calls for turn in bounds_for(ensemble, run).turns}
    assert used(run, "model_asked", lambda _: 1) == {k: n for k, n in clean.items() if n}


@SOME
@given(drawn_panels(), st.randoms(use_true_random=False))
def test_the_order_of_seats_and_members_decides_nothing(
    drawn: Drawn, chance: random.Random
) -> None:
    order = {seat: chance.sample(range(size), size) for seat, size in drawn.sizes.items()}
    sources = chance.sample([START, *drawn.sizes], len(drawn.sizes) + 1)
    edges = [
        replace(edge, target=tuple(chance.sample(edge.targets, len(edge.targets))))
        for source in sources
        for edge in drawn.topology.out_of(source)
    ]
    other = replace(drawn, topology=Topology("drawn", tuple(edges)), order=order)

    (first, _), (second, _) = (decided(one, voice(drawn.seed)) for one in (drawn, other))

    assert second["authority"] == first["authority"]
    assert second["decision"]["position"] == first["decision"]["position"]
    assert second["witnesses"] == first["witnesses"]
    assert second["decision"]["result"] == first["decision"]["result"]
    assert texts(second["decision"]["claims"]) == texts(first["decision"]["claims"])


@SOME
@given(drawn_panels(), st.data())
def test_losing_a_seat_never_raises_the_authority(drawn: Drawn, data: st.DataObject) -> None:
    agents = [member.agent.name for member in drawn.seated().members]
    lost = data.draw(st.lists(st.sampled_from(agents), min_size=1, max_size=3, unique=True))

    before, turns = decided(drawn, voice(drawn.seed, lost=lost[1:]))
    after, same = decided(drawn, voice(drawn.seed, lost=lost))

    assume(turns == same)  # a seat that is not asked at all has no say
    assert rank(after) >= rank(before)


@SOME
@given(drawn_panels(), st.lists(st.integers(), min_size=2, max_size=4, unique=True))
def test_whoever_answers_first_the_digest_is_the_same(
    drawn: Drawn, schedules: Sequence[int]
) -> None:
    ensemble = drawn.seated(tools=TOOLS)
    digests: set[str] = set()

    for schedule in schedules:
        pauses = drawn_from(schedule)
        lab = SlowLab(pauses=pauses)
        run = on_stage(ensemble, voice(drawn.seed, whims=True, pauses=pauses), lab)
        asyncio.run(play(ensemble, run))
        digests.add(digest(run.journal.events))

    assert len(digests) == 1


def texts(claims: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return sorted((claim["text"], claim["state"]) for claim in claims)


def rank(decision: Mapping[str, Any]) -> int:
    return LEVELS.index(Authority(decision["authority"]))


@dataclass
class SlowLab(ScriptedLab):
    """A lab that takes as many turns of the event loop as it is told."""

    pauses: random.Random = field(default_factory=random.Random)

    async def run(self, spec: Spec, *, of: str | None = None) -> dict[str, Any]:
        for _ in range(self.pauses.randrange(6)):
            await asyncio.sleep(0)
        return await super().run(spec, of=of)
