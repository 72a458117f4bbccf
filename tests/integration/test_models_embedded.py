"""The embedded model: the real engine with its real weights, asked as little as possible."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ensemble.config import Embedded, Settings
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import ask
from ensemble.models.embedded import (
    Lease,
    embedded_chat,
    join_server,
    leave_server,
    prompt_tokens,
    prompt_tokens_computed,
)
from ensemble.models.messages import plain
from ensemble.models.openai_chat import openai_chat
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure, Params
from ensemble.models.weights import fetch_weights
from ensemble.models.wire import Endpoint, close_session, shared_session

pytest.importorskip("xllamacpp", reason="the extra `local` is not installed")

SETTINGS = Embedded(threads=2, context=2048)
EMBEDDED = Candidate(
    "embedded", "embedded", "SmolLM2-135M-Instruct", available=True, reason="", form=Form.SCHEMA
)
SHARED = "The trainer repeats rows before it splits them, so equal rows land in both splits. " * 8
SCHEMA = {
    "type": "object",
    "properties": {
        "position": {"enum": ["promote", "reject"]},
        "reason": {"type": "string", "maxLength": 40},
    },
    "required": ["position", "reason"],
    "additionalProperties": False,
}


def a_call(persona: str, seat: int = 0) -> ModelCall:
    messages = (SystemMessage("You review."), HumanMessage(SHARED), HumanMessage(persona))
    return ModelCall(f"panel[{seat}]/x#0/model#0", messages, SCHEMA, params=Params(max_tokens=60))


@pytest.fixture(scope="module")
def weights() -> Path:
    return fetch_weights()


@pytest.fixture
def server(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lease]:
    """Run a server of this test's own, in a cache of its own, until the test ends."""
    cache = tmp_path / "cache"
    (cache / "weights").mkdir(parents=True)
    (cache / "weights" / weights.name).symlink_to(weights)
    monkeypatch.setenv("ENSEMBLE_CACHE", str(cache))
    lease = join_server(SETTINGS)
    yield lease
    leave_server()
    wait_for_end(lease.pid)


@pytest.fixture(autouse=True)
async def session_closed() -> AsyncIterator[None]:
    yield
    await close_session()


def wait_for_end(pid: int) -> None:
    try:
        psutil.Process(pid).wait(20)
    except psutil.NoSuchProcess:
        return


async def test_what_seats_share_is_computed_once(server: Lease) -> None:
    provider = embedded_chat(SETTINGS)
    before = prompt_tokens_computed(SETTINGS)

    first = await provider(EMBEDDED, a_call("Answer as a data scientist."))
    between = prompt_tokens_computed(SETTINGS)
    second = await provider(EMBEDDED, a_call("Answer as a security auditor.", 1))
    after = prompt_tokens_computed(SETTINGS)

    assert first.usage.input_tokens is not None
    assert second.usage.input_tokens is not None
    assert second.usage.cached_tokens is not None
    assert between - before == first.usage.input_tokens
    assert after - between == second.usage.input_tokens - second.usage.cached_tokens
    assert second.usage.cached_tokens > 0.8 * second.usage.input_tokens
    for reply in (first, second):
        assert set(json.loads(reply.text)) == {"position", "reason"}
        assert reply.served == "embedded/SmolLM2-135M-Instruct"


async def test_a_prompt_is_counted_by_the_models_own_tokenizer_before_it_is_sent(
    server: Lease,
) -> None:
    provider, room = embedded_chat(SETTINGS), SETTINGS.context - 60
    call = a_call("Answer. " + "word " * 1700)
    before = prompt_tokens_computed(SETTINGS)
    tokens = len(prompt_tokens(server, plain(call.messages)))
    longer = a_call("Answer. " + "word " * (1700 + room - tokens + 1))

    with pytest.raises(ModelFailure) as caught:
        await provider(EMBEDDED, longer)

    assert (caught.value.kind, caught.value.over) == (Failure.CONTEXT, 1)
    assert str(caught.value).startswith(f"{room + 1} prompt tokens and 60 for the answer")
    assert prompt_tokens_computed(SETTINGS) == before


async def test_the_servers_counters_are_read_past_a_proxy_of_the_environment(
    server: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr(urllib.request, "_opener", None)  # it keeps the proxies it first saw

    assert prompt_tokens_computed(SETTINGS) >= 0


async def test_a_chain_ends_at_the_embedded_model_and_says_so(server: Lease) -> None:
    absent = Candidate("opus", "litellm", "anthropic/x", available=False, reason="no KEY")
    journal = Journal("r")

    answered = await ask(
        [absent, EMBEDDED],
        a_call("Answer in one word."),
        recorder=journal,
        providers={"embedded": embedded_chat(Settings(embedded=SETTINGS).embedded)},
    )

    assert answered.candidate is EMBEDDED
    assert json.loads(answered.reply.text)
    assert [event.event for event in journal.events] == ["model_asked", "model_replied"]


async def test_the_server_has_one_slot_so_that_seats_share_a_prefix(server: Lease) -> None:
    headers = {"Authorization": f"Bearer {server.key}"}

    async with shared_session().get(f"{server.url}/slots", headers=headers) as answer:
        slots = await answer.json()

    assert [slot["n_ctx"] for slot in slots] == [SETTINGS.context]


def test_the_server_is_this_users_alone(server: Lease) -> None:
    (state,) = (Path(os.environ["ENSEMBLE_CACHE"]) / "embedded").glob("*/state.json")

    process = psutil.Process(server.pid)

    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert server.url.startswith("http://127.0.0.1:")
    assert server.key not in " ".join(process.cmdline())
    assert process.environ()["OMP_WAIT_POLICY"] == "passive"


async def test_a_call_without_the_servers_key_is_refused(server: Lease) -> None:
    provider = openai_chat(Endpoint("embedded", f"{server.url}/v1", key="not the key"))

    with pytest.raises(ModelFailure) as caught:
        await provider(EMBEDDED, a_call("Answer."))

    assert caught.value.kind is Failure.AUTH


def test_processes_share_one_server_which_ends_with_the_last(server: Lease) -> None:
    code = (
        "import sys; from ensemble.config import Embedded\n"
        "from ensemble.models.embedded import join_server\n"
        "print(join_server(Embedded(threads=2, context=2048)).pid, flush=True); sys.stdin.read()"
    )
    others = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    pids = {int(other.stdout.readline()) for other in others if other.stdout}

    leave_server()
    others[0].kill()
    others[0].communicate()
    alive_with_one_client = psutil.pid_exists(server.pid)
    others[1].kill()
    others[1].communicate()
    wait_for_end(server.pid)

    assert pids == {server.pid}
    assert alive_with_one_client
    assert not psutil.pid_exists(server.pid)


async def test_a_server_that_was_killed_is_replaced_on_the_next_attempt(server: Lease) -> None:
    os.kill(server.pid, signal.SIGKILL)
    await asyncio.to_thread(wait_for_end, server.pid)

    answered = await ask(
        [EMBEDDED],
        a_call("Answer."),
        recorder=Journal("r"),
        providers={"embedded": embedded_chat(SETTINGS)},
    )

    assert [attempt.failure for attempt in answered.attempts] == [Failure.TRANSPORT]
    assert join_server(SETTINGS).pid != server.pid
    wait_for = join_server(SETTINGS).pid
    leave_server()
    wait_for_end(wait_for)


async def test_weights_that_are_none_fail_with_the_engines_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path))
    gguf = tmp_path / "rubbish.gguf"
    gguf.write_bytes(b"rubbish")

    with pytest.raises(ModelFailure) as caught:
        await embedded_chat(Embedded(gguf=gguf))(EMBEDDED, a_call("Answer."))

    assert caught.value.kind is Failure.NOT_FOUND
    assert "did not start" in str(caught.value)
