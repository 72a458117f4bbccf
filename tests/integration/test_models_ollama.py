"""The Ollama provider against our shim of the documented shapes, not against Ollama itself."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from langchain_core.messages import HumanMessage

from ensemble.errors import NoModelLeft, UsageError
from ensemble.graph.topology import END, START, Edge, Topology
from ensemble.journal.run_journal import Journal
from ensemble.models import ollama_chat as ollama_module
from ensemble.models.chain import ChainExhausted, ask
from ensemble.models.ollama_chat import ollama_chat, pull, shown
from ensemble.models.policy import Policy
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Params,
    Provider,
)
from ensemble.models.wire import close_session
from ensemble.roles import Role
from ensemble.scenarios.pulling import pulled
from ensemble.testing import scripted
from ensemble.testing.ollama_server import OllamaServer, ollama_server
from ensemble.testing.panels import an_answer, an_ensemble, play, scripted_context

TEXT = "Review this plan with care, and say what would have to change first. " * 20
PANEL = Topology("panel", (Edge(START, "panel", Role.PANEL_MEMBER), Edge("panel", END)))
CALL = ModelCall("k", (HumanMessage(TEXT),), {"type": "object"}, params=Params(max_tokens=50))
PROVIDERS: dict[str, Provider] = {"ollama": ollama_chat}


def a_candidate(**given: Any) -> Candidate:
    fields: dict[str, Any] = {"asked": "x", "provider": "ollama", "model": "llama3.3:70b"}
    fields |= {"available": True, "reason": "", "form": Form.SCHEMA, "context": 8192, **given}
    return Candidate(**fields)


async def speak(body: dict[str, Any]) -> str:
    return '{"result": "sound enough"}'


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OllamaServer]:
    async with ollama_server(speak) as running:
        monkeypatch.setenv("OLLAMA_HOST", running.host)
        yield running
        await close_session()


def silent(line: str, *, over: bool) -> None:
    """Show nothing."""


async def failure(candidate: Candidate, call: ModelCall = CALL) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        await ollama_chat(candidate, call)
    return caught.value


async def test_ollama_shim_an_answer_is_heard_and_counted(server: OllamaServer) -> None:
    heard: list[str] = []
    call = ModelCall("k", CALL.messages, params=CALL.params, heard=heard.append)

    reply = await ollama_chat(a_candidate(), call)

    assert reply.text == '{"result": "sound enough"}' == "".join(heard)
    assert (reply.served, reply.finish) == ("ollama/llama3.3:70b", "stop")
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (round(len(TEXT) / 4.2) + 8, 3)


async def test_ollama_shim_window_schema_and_limits_are_asked_for(server: OllamaServer) -> None:
    await ollama_chat(a_candidate(context=4096), CALL)

    assert server.requests[0]["format"] == {"type": "object"}
    assert server.requests[0]["keep_alive"] == "10m"
    assert server.requests[0]["options"] == {
        "num_ctx": 4096,
        "num_predict": 50,
        "temperature": 0.0,
        "seed": 7,
    }


async def test_ollama_shim_an_answer_at_its_limit_is_marked_as_cut(server: OllamaServer) -> None:
    call = ModelCall("k", CALL.messages, params=Params(max_tokens=1))

    assert (await ollama_chat(a_candidate(), call)).finish == "length"


async def test_ollama_shim_a_prompt_cut_without_a_word_is_a_failed_call(
    server: OllamaServer,
) -> None:
    server.read_share = 0.5

    with pytest.raises(ChainExhausted, match="the prompt was cut") as caught:
        await ask([a_candidate()], CALL, recorder=Journal("r"), providers=PROVIDERS)

    assert [attempt.failure for attempt in caught.value.attempts] == [Failure.CONTEXT]


async def test_ollama_shim_a_prompt_that_fills_the_window_is_a_failed_call(
    server: OllamaServer,
) -> None:
    server.read_share = 1000

    caught = await failure(a_candidate())

    assert caught.kind is Failure.CONTEXT
    assert "in a window of 8192" in str(caught)


async def test_ollama_shim_a_prompt_that_cannot_fit_is_not_sent(server: OllamaServer) -> None:
    caught = await failure(a_candidate(context=256))

    assert caught.kind is Failure.CONTEXT
    assert server.requests == []


async def test_ollama_shim_a_model_that_is_not_pulled_is_not_found(server: OllamaServer) -> None:
    assert (await failure(a_candidate(model="absent"))).kind is Failure.NOT_FOUND


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"", Failure.TRANSPORT),
        (b"{nope\n", Failure.UNUSABLE),
        (b"[1]\n", Failure.UNUSABLE),
        (b'{"message": 1, "done": true}\n', Failure.UNUSABLE),
        (b'{"model": "x", "message": {"role": "assistant"}, "done": false}\n', Failure.TRANSPORT),
        (b'{"error": "out of memory"}\n', Failure.OVERLOADED),
        (b'{"error": "input length exceeds the context length"}\n', Failure.CONTEXT),
    ],
)
async def test_ollama_shim_what_is_no_answer_is_a_failure(
    raw: bytes, kind: Failure, server: OllamaServer
) -> None:
    server.raw = raw

    assert (await failure(a_candidate())).kind is kind


async def test_ollama_shim_a_stall_ends_and_what_was_heard_is_kept(
    server: OllamaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ollama_module, "_IDLE_S", 0.1)
    server.stall_after = 2

    caught = await failure(a_candidate())

    assert (caught.kind, caught.partial) == (Failure.TIMEOUT, '{"result": "sound')


async def test_ollama_shim_gone_is_a_failure_of_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ollama_server(speak) as gone:
        monkeypatch.setenv("OLLAMA_HOST", gone.host)

    assert (await failure(a_candidate())).kind is Failure.TRANSPORT
    await close_session()


@pytest.mark.parametrize(("swapping", "swaps"), [({"ollama"}, 1), (set[str](), 5)])
async def test_ollama_shim_six_seats_on_two_models_cost_one_swap_instead_of_five(
    swapping: set[str], swaps: int
) -> None:
    ensemble = an_ensemble(PANEL, {"panel": 6})
    models = {f"panel[{n}]": [a_candidate(model=("a:1b", "b:1b")[n % 2])] for n in range(6)}

    async def answer(_: dict[str, Any]) -> str:
        await asyncio.sleep(0.02)
        return json.dumps(an_answer("promote"))

    async with ollama_server(answer, tags=("a:1b", "b:1b")) as running:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("OLLAMA_HOST", running.host)
            run = scripted_context(ensemble, scripted([]), models=models)
            run.providers, run.policy = (
                {"ollama": ollama_chat},
                Policy(swapping=frozenset(swapping)),
            )
            await play(ensemble, run)
            await close_session()

    assert len(running.requests) == 6
    assert running.swaps == swaps


@pytest.fixture
async def library(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[dict[str, Any]]]:
    """A shim of `/api/pull` and `/api/show` that knows one model; what it was asked."""
    asked: list[dict[str, Any]] = []

    async def pulled(request: web.Request) -> web.StreamResponse:
        asked.append(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        steps: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        steps += [{"status": "pulling 1", "total": 200, "completed": 50}, {"status": "success"}]
        if asked[-1]["model"] != "phi4":
            steps[1:] = [{"error": "pull model manifest: file does not exist"}]
        for step in steps:
            await response.write(json.dumps(step).encode() + b"\n")
        return response

    async def show(request: web.Request) -> web.Response:
        facts = {"general.architecture": "phi3", "phi3.context_length": 16384}
        return web.json_response({"model_info": facts, "capabilities": ["completion", "tools"]})

    app = web.Application()
    app.router.add_post("/api/pull", pulled)
    app.router.add_post("/api/show", show)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    monkeypatch.setenv("OLLAMA_HOST", f"{host}:{port}")
    yield asked
    await runner.cleanup()


async def test_ollama_shim_a_pull_says_how_far_it_is(library: list[dict[str, Any]]) -> None:
    steps = [(step.status, step.share) async for step in pull("phi4")]

    assert steps == [("pulling manifest", None), ("pulling 1", 0.25), ("success", None)]
    assert library == [{"model": "phi4", "stream": True, "insecure": False}]


async def test_ollama_shim_a_model_that_it_does_not_know_is_said(
    library: list[dict[str, Any]],
) -> None:
    with pytest.raises(NoModelLeft, match="file does not exist"):
        [step async for step in pull("no-such-model")]


async def test_ollama_shim_a_pulled_model_tells_its_window_and_abilities(
    library: list[dict[str, Any]],
) -> None:
    assert await shown("phi4") == (16384, ("completion", "tools"))


async def test_ollama_shim_a_pull_on_request_shows_each_step_and_ends_with_what_is_there(
    library: list[dict[str, Any]],
) -> None:
    told: list[tuple[str, bool]] = []

    def keep(line: str, *, over: bool) -> None:
        told.append((line, over))

    done = await pulled("ollama/phi4", keep)

    assert done == "phi4 is here: a window of 16384 tokens, completion, tools"
    assert ("pulling 1 25%", False) in told


async def test_a_model_is_pulled_under_ollamas_tag_unless_it_is_not_to_be_had_there(
    library: list[dict[str, Any]],
) -> None:
    with pytest.raises(NoModelLeft):
        await pulled("Qwen2.5-Coder", silent)
    with pytest.raises(UsageError, match="Ollama does not have 'opus'"):
        await pulled("opus", silent)

    assert [asked["model"] for asked in library] == ["qwen2.5-coder:32b"]


async def test_nothing_is_pulled_where_downloads_are_forbidden(
    library: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSEMBLE_OFFLINE", "1")

    with pytest.raises(NoModelLeft, match="forbids to pull"):
        await pulled("phi4", silent)

    assert library == []


async def test_a_pull_from_no_address_says_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "bad:host:9")

    with pytest.raises(UsageError, match="OLLAMA_HOST is no host:port: 'bad:host:9'"):
        await pulled("phi4", silent)


async def test_without_ollama_a_pull_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ollama_server(speak) as gone:
        monkeypatch.setenv("OLLAMA_HOST", gone.host)

    with pytest.raises(NoModelLeft, match="Ollama does not answer"):
        [step async for step in pull("phi4")]
