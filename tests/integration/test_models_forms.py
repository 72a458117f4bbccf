"""Answers by schema, by tool call and in words, over real sockets: all say the same."""

import asyncio
import json
import os
import re
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from langchain_core.messages import HumanMessage

from ensemble import Panel
from ensemble.answers.answer import Answer, Wanted
from ensemble.answers.parse import parse_answer
from ensemble.answers.schema import answer_schema
from ensemble.config import Provider as OwnServer
from ensemble.config import Settings
from ensemble.graph.run_context import RunContext
from ensemble.graph.seating import Ensemble
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import Answered, ask
from ensemble.models.form_probe import probe, probe_first
from ensemble.models.forms import Forms
from ensemble.models.pacing import turn_at
from ensemble.models.policy import Policy
from ensemble.models.probes import Probes
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure
from ensemble.models.providers import close_providers, providers_for
from ensemble.models.selection import Wishes, resolve
from ensemble.report.chain_text import chain_text
from ensemble.scenarios.graphs import find_topology
from ensemble.scenarios.showing import chain_of
from ensemble.testing import FaultServer, fault_server
from ensemble.testing.faults import Cuts, Refuses, Says
from ensemble.testing.forms import Holds, asked_form
from ensemble.testing.panels import ScriptedLab, an_ensemble, play, scripted_context

WANTED: Final = Wanted(
    choices=("promote", "reject"),
    findings=True,
    claims=True,
    escalates=(("T1", "It may lose data."),),
    tools=("check_data",),
)
CHECK: Final = {
    "claim": "No row is in two splits",
    "tool": "check_data",
    "spec": {"dataset": "digits"},
    "metric": "shared_rows",
    "at_least": None,
    "at_most": 0.0,
}
SECTIONS: Final = "\n\n".join(
    f"## {name}\nAs it is." for name in ("Approach", "Design", "Steps", "Tests", "Risks")
)
IN_JSON: Final = json.dumps(
    {
        "body": SECTIONS,
        "uncertainty": ["One seed."],
        "verification": "Run it again.",
        "findings": [{"severity": "HIGH", "title": "A leak", "location": "a.py:1"}],
        "claims": [{"text": "It leaks", "evidence": "L1/leak", "holds": False}],
        "checks": [CHECK],
        "escalates": ["T1"],
        "result": "Rows stand in two splits.",
        "confidence": "high",
        "position": "reject",
    }
)
IN_WORDS: Final = f"""\
**Result**: Rows stand in two splits.
**Confidence**: high
**Uncertainty Factors**: One seed.
**Verification**: Run it again.
**Position**: reject
**Escalates**: T1
**Claims**:
- It leaks [L1/leak: failed]

{SECTIONS}

```json
{json.dumps({"checks": [CHECK]})}
```

### [HIGH] A leak
- **Location**: a.py:1
"""
ACTION: Final = '```json\n{"action": {"tool": "check_data", "spec": {"dataset": "digits"}}}\n```'
PROVIDERS: Final = ("openai", "anthropic", "ollama")
STRONG: Final = (Form.SCHEMA, Form.TOOL_CALL)


def speak(asked: Mapping[str, Any]) -> str:
    return IN_WORDS if asked_form(asked)[0] is Form.TEXT else IN_JSON


@pytest.fixture(autouse=True)
async def closed() -> AsyncGenerator[None]:
    yield
    await close_providers()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[FaultServer]:
    async with fault_server(models={"m": [Says()]}) as running:
        monkeypatch.setenv("OLLAMA_HOST", running.url)
        yield running


def settings_of(server: FaultServer, **given: Any) -> Settings:
    """Name the server in the settings, once for each of the two APIs."""
    at: dict[str, Any] = {"base_url": server.openai_url, **given}
    return Settings(
        providers={"openai": OwnServer(**at), "anthropic": OwnServer(api="anthropic", **at)}
    )


def name_in_settings(server: FaultServer) -> None:
    """Name the server in the settings file, and have it asked for `opus`."""
    text = f'[providers.mine]\nbase_url = "{server.openai_url}"\n[aliases]\nopus = "mine/m"\n'
    Path(os.environ["ENSEMBLE_CONFIG"]).write_text(text)


def a_candidate(provider: str, form: Form) -> Candidate:
    return Candidate("m", provider, "m", available=True, reason="", form=form, context=8192)


async def asked(
    server: FaultServer,
    candidate: Candidate,
    wanted: Wanted = WANTED,
    policy: Policy | None = None,
) -> Answered:
    """Ask one candidate as a run does."""
    schema = answer_schema(wanted, brief=False)
    call = ModelCall("k", (HumanMessage("Is it sound?"),), schema=schema)
    settings = settings_of(server)
    policy = policy or Policy.of(settings)
    providers = providers_for(settings)
    return await ask([candidate], call, recorder=Journal("r"), providers=providers, policy=policy)


def told(answer: Answer) -> dict[str, Any]:
    """Return what was answered, apart from where a Markdown's parts stand."""
    return answer.model_dump(exclude={"body"})


@pytest.mark.parametrize("tools", [(), WANTED.tools])
@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_every_part_of_an_answer_is_reached_in_each_form(
    provider: str, form: Form, tools: tuple[str, ...], server: FaultServer
) -> None:
    wanted = replace(WANTED, tools=tools)
    server.plan("m", Holds(STRONG, speak))

    done = await asked(server, a_candidate(provider, form), wanted)
    answer = parse_answer(done.reply.text, wanted)

    assert asked_form(server.asked[-1].body)[0] is form
    assert done.attempts == ()
    assert told(answer) == told(parse_answer(IN_JSON, wanted))
    assert (answer.position, answer.escalates) == ("reject", ("T1",))
    assert [len(part) for part in (answer.findings, answer.claims, answer.checks)] == [1, 1, 1]
    assert all(f"## {name}" in answer.body for name in ("Approach", "Design", "Steps", "Risks"))


@pytest.mark.parametrize("form", list(Form))
async def test_a_measurement_can_be_asked_for_in_each_form(form: Form, server: FaultServer) -> None:
    inside = ACTION.removeprefix("```json\n").removesuffix("\n```")
    words = f"Let me look first.\n\n{ACTION}"
    server.plan(
        "m", Holds(STRONG, lambda body: words if asked_form(body)[0] is Form.TEXT else inside)
    )

    done = await asked(server, a_candidate("openai", form))

    action = parse_answer(done.reply.text, WANTED).action
    assert action == {"tool": "check_data", "spec": {"dataset": "digits"}}


@pytest.mark.parametrize("holds", [(Form.TOOL_CALL,), ()])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_refused_form_is_followed_by_the_next_weaker_at_the_same_model(
    provider: str, holds: tuple[Form, ...], server: FaultServer
) -> None:
    server.plan("m", Holds(holds, speak))

    done = await asked(server, a_candidate(provider, Form.SCHEMA))

    forms = [asked_form(request.body)[0] for request in server.asked]
    assert forms == list(Form)[: len(forms)]
    assert forms[-1] is (Form.TOOL_CALL if holds else Form.TEXT)
    assert {attempt.failure for attempt in done.attempts} == {Failure.FORM}
    assert parse_answer(done.reply.text, WANTED).position == "reject"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_words_in_place_of_a_call_are_asked_for_as_words(
    provider: str, server: FaultServer
) -> None:
    server.plan("m", Holds((), speak, ignores=True))

    done = await asked(server, a_candidate(provider, Form.TOOL_CALL))

    assert [attempt.failure for attempt in done.attempts] == [Failure.FORM]
    assert parse_answer(done.reply.text, WANTED).position == "reject"


async def test_what_was_refused_is_not_asked_again_and_is_known_next_time(
    server: FaultServer,
) -> None:
    settings = settings_of(server)
    policy, candidate = Policy.of(settings), a_candidate("openai", Form.SCHEMA)
    server.plan("m", Holds((), speak))
    await asked(server, candidate, policy=policy)
    before = len(server.asked)

    again = await asked(server, candidate, policy=policy)
    chain = await resolve(Wishes(chain=("openai/m",)), settings=settings, probes=Probes({}))

    assert len(server.asked) == before + 1
    assert [attempt.failure for attempt in again.attempts] == [Failure.FORM_CLOSED] * 2
    assert chain[0].form is Form.TEXT


async def test_a_request_that_is_wrong_in_every_form_teaches_nothing(server: FaultServer) -> None:
    server.plan("m", Refuses(400, "temperature is wrong"))

    with pytest.raises(Exception, match="temperature is wrong") as lost:
        await asked(server, a_candidate("openai", Form.SCHEMA))

    assert "bad_request" in str(lost.value)
    assert Forms(settings_of(server)).of(a_candidate("openai", Form.SCHEMA)) is None


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_call_cut_anywhere_is_never_an_answer(provider: str, server: FaultServer) -> None:
    server.plan("m", Holds((Form.TOOL_CALL,), lambda _: '{"mark": "teal-41"}'))
    schema = {"type": "object", "properties": {"mark": {"enum": ["teal-41"]}}}
    call = ModelCall("k", (HumanMessage("Now."),), schema=schema)
    ask_server = providers_for(settings_of(server))[provider]
    candidate = a_candidate(provider, Form.TOOL_CALL)
    whole = await ask_server(candidate, call)
    server.text = whole.text

    for at_byte in range(0, 500, 25):
        server.plan("m", Cuts(at_byte))
        try:
            reply = await ask_server(candidate, call)
        except ModelFailure as failure:
            assert failure.kind in (Failure.TRANSPORT, Failure.UNUSABLE)  # noqa: PT017
        else:
            assert reply == whole


@pytest.mark.parametrize(
    ("holds", "ignores", "found"),
    [
        (STRONG, False, Form.SCHEMA),
        ((Form.TOOL_CALL,), False, Form.TOOL_CALL),
        ((Form.TOOL_CALL,), True, Form.TOOL_CALL),
        ((), False, Form.TEXT),
        ((), True, Form.TEXT),
    ],
)
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_probe_finds_the_strongest_form_that_holds(
    provider: str, holds: tuple[Form, ...], found: Form, server: FaultServer, *, ignores: bool
) -> None:
    server.plan("m", Holds(holds, ignores=ignores))

    form = await probe(
        a_candidate(provider, Form.SCHEMA),
        providers_for(settings_of(server))[provider],
        Policy(),
    )

    assert form is found


@pytest.mark.parametrize("fault", [Refuses(503), Refuses(401), Refuses(429)])
async def test_a_server_that_is_not_well_teaches_nothing(
    fault: Refuses, server: FaultServer
) -> None:
    server.plan("m", fault)

    provider = providers_for(settings_of(server))["openai"]

    assert await probe(a_candidate("openai", Form.SCHEMA), provider, Policy()) is None


async def test_a_probe_waits_for_its_turn(server: FaultServer) -> None:
    server.plan("m", Holds(STRONG))
    candidate, provider = a_candidate("openai", Form.SCHEMA), providers_for(settings_of(server))
    policy, call = Policy(at_once={"openai": 1}), ModelCall("k", ())

    async with turn_at(candidate, call, policy):
        probing = asyncio.create_task(probe(candidate, provider["openai"], policy))
        await asyncio.wait([probing], timeout=0.2)
        asked_meanwhile = len(server.asked)

    assert await probing is Form.SCHEMA
    assert asked_meanwhile == 0


async def test_what_is_free_is_asked_once_before_the_first_run(server: FaultServer) -> None:
    server.plan("m", Holds((Form.TOOL_CALL,), ignores=True))
    settings = settings_of(server)
    stage: dict[str, Any] = {"settings": settings, "providers": providers_for(settings)}
    chains = {"a": (a_candidate("openai", Form.SCHEMA),), "b": (a_candidate("openai", Form.TEXT),)}

    first = await probe_first(chains, **stage, probes=Probes({}))
    asked_first = len(server.asked)
    chain = await resolve(Wishes(chain=("openai/m",)), settings=settings, probes=Probes({}))
    await probe_first({"a": chain}, **stage, probes=Probes({}))

    assert {path: chain[0].form for path, chain in first.items()} == dict.fromkeys(
        "ab", Form.TOOL_CALL
    )
    assert chain[0].form is Form.TOOL_CALL
    assert len(server.asked) == asked_first == len(STRONG)


async def test_what_the_settings_state_is_not_asked(server: FaultServer) -> None:
    settings = settings_of(server, form="text")
    chain = await resolve(Wishes(chain=("openai/m",)), settings=settings, probes=Probes({}))

    await probe_first(
        {"a": chain}, settings=settings, providers=providers_for(settings), probes=Probes({})
    )

    assert chain[0].form is Form.TEXT
    assert server.asked == []


async def test_a_run_probes_first_and_the_next_one_knows(server: FaultServer) -> None:
    server.plan("m", Holds((Form.TOOL_CALL,), speak, ignores=True))
    name_in_settings(server)
    panel = Panel("solo", models="mine/m", choices=["promote", "reject"])

    first = await panel.run("Is it sound?")
    asked_first = [asked_form(request.body)[0] for request in server.asked]
    second = await panel.run("Is it sound?")

    assert asked_first == [Form.SCHEMA, Form.TOOL_CALL, Form.TOOL_CALL]
    assert len(server.asked) == len(asked_first) + 1
    assert (first.position, second.position) == ("reject", "reject")
    assert first.document["digest"] == second.document["digest"]


async def test_models_are_probed_on_request_and_shown_with_the_day(server: FaultServer) -> None:
    server.plan("m", Holds((), speak))
    name_in_settings(server)

    before = chain_text(await chain_of("ml-engineer"))
    asked_before = len(server.asked)
    after = chain_text(await chain_of("ml-engineer", probe=True))

    assert asked_before == 0
    assert "mine/m  (first choice; held to a schema: not asked yet" in before
    assert re.search(r"mine/m  \(first choice; answers in text: probed 20\d\d-\d\d-\d\d", after)


def a_text_panel(server: FaultServer, lab: ScriptedLab) -> tuple[Ensemble, RunContext]:
    """Seat a review panel, with the lab, on a server that nothing holds to a form."""
    ensemble = an_ensemble(find_topology("review"), {"panel": 2}, tools=["check_data"])
    candidate = a_candidate("openai", Form.TEXT)
    models = {member.path: [candidate] for member in ensemble.members}
    context = scripted_context(ensemble, providers_for(settings_of(server))["openai"], lab=lab)
    return ensemble, replace(
        context, chains=models, providers={"openai": context.providers["scripted"]}
    )


def in_words(asked: Mapping[str, Any]) -> str:
    """Measure first, then answer, as a model that reads the prompt does."""
    said = [str(message["content"]) for message in asked["messages"]]
    own = next(text for text in said if "# Form of your answer" in text)
    answer = "**Result**: Sound.\n**Confidence**: high\n**Position**: promote"
    has_measured = any(text.startswith("Measured:") for text in said)
    if "Your role now: panel_member" in own and not has_measured:
        broken = '```json\n{"action": {"tool": "check_data", "spec": {\n```'
        repaired = any("could not be read" in text for text in said)
        return f"I must see the data first.\n\n{ACTION if repaired else broken}"
    return answer


async def test_a_panel_of_text_models_measures_in_the_lab(server: FaultServer) -> None:
    server.plan("m", Holds((), in_words))
    lab = ScriptedLab()
    ensemble, run = a_text_panel(server, lab)

    state = await play(ensemble, run)

    measured = [e for e in run.journal.events if e.event == "lab_submitted"]
    assert all(asked_form(request.body)[0] is Form.TEXT for request in server.asked)
    assert len(lab.asked) == 1
    assert measured[0].body["asked_by"] == ["panel[0]/panel_member#0", "panel[1]/panel_member#0"]
    assert state["decision"]["decision"]["position"] == "promote"
    repairs = [r for r in server.asked if "this is broken" in str(r.body["messages"][-1])]
    assert len(repairs) == 2
