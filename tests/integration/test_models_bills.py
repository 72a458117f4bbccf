"""What servers bill for answers that are none is in the book, whatever they claim."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any, Final

import pytest
from langchain_core.messages import HumanMessage

from ensemble.graph.spending import Spending, reservation
from ensemble.journal.run_journal import Journal
from ensemble.models.anthropic_chat import anthropic_chat
from ensemble.models.breaker import Breakers
from ensemble.models.chain import ChainExhausted, ask
from ensemble.models.openai_chat import openai_chat
from ensemble.models.policy import Policy
from ensemble.models.provider import Candidate, Form, ModelCall, ModelFailure, Usage
from ensemble.models.wire import Endpoint, close_session
from ensemble.scenarios.result import usage_of
from ensemble.testing.fault_server import fault_server
from ensemble.testing.faults import Fault, Hangs, Refuses, Sends

CALL: Final = ModelCall("a/x#0/model#0", (HumanMessage("Sound?"),), schema={"type": "object"})
BILLED: Final = {"prompt_tokens": 5, "completion_tokens": 1400}
RESERVED: Final = 1522
"""Tokens: two of the prompt, and all that may be said."""


@pytest.fixture(autouse=True)
async def session_closed() -> AsyncIterator[None]:
    yield
    await close_session()


def says(text: str, usage: Mapping[str, Any] = BILLED, **delta: Any) -> Sends:
    choice = {"delta": {"content": text, **delta}, "finish_reason": "stop"}
    piece = json.dumps({"choices": [choice], "usage": usage})
    return Sends(f"data: {piece}\n\ndata: [DONE]\n\n".encode())


async def booked(fault: Fault, form: Form = Form.TEXT, call_s: float = 20.0) -> tuple[float, int]:
    """Return the tokens that the limits count, and the output that the result tells."""
    candidate = Candidate("m", "p", "m", available=True, reason="", form=form)
    journal = Journal("r")
    async with fault_server(models={"m": [fault]}) as server:
        with suppress(ChainExhausted):
            await ask(
                [candidate],
                CALL,
                recorder=journal,
                providers={"p": openai_chat(Endpoint("p", server.openai_url))},
                policy=Policy(tries={}, breakers=Breakers(), call_s=call_s),
                admit=lambda asked, call, _: {"reserved": reservation(asked, call)},
            )
    used = Spending({}).with_one_more(journal.events, {"tokens": 0})
    return used["tokens"], usage_of(journal.events)["output_tokens"]


TWO_CALLS: Final = [
    {"index": place, "id": name, "function": {"arguments": "{}"}}
    for place, name in enumerate(("first", "second"))
]


@pytest.mark.parametrize(
    ("fault", "form"),
    [
        (says(""), Form.TEXT),
        (says("no JSON"), Form.SCHEMA),
        (says("words in place of a call"), Form.TOOL_CALL),
    ],
)
async def test_a_billed_answer_that_proves_unusable_is_booked(fault: Fault, form: Form) -> None:
    assert await booked(fault, form) == (1405, 1400)


@pytest.mark.parametrize(
    ("fault", "call_s"),
    [
        (says("", tool_calls=TWO_CALLS), 20.0),
        (Sends(b'data: {"choices": [{"delta": {"reasoning_content": "Well"}}]}\n\n'), 20.0),
        (Hangs(40), 0.3),
        (Hangs(), 0.3),
    ],
)
async def test_what_nobody_says_that_it_used_is_booked_as_reserved(
    fault: Fault, call_s: float
) -> None:
    assert await booked(fault, Form.TOOL_CALL, call_s) == (RESERVED, 0)


async def test_a_refusal_costs_nothing() -> None:
    assert await booked(Refuses(503)) == (0, 0)


@pytest.mark.parametrize("count", [-100_000, 10**400, True, 2.5, "7", 10**9])
@pytest.mark.parametrize("name", ["prompt_tokens", "completion_tokens"])
async def test_a_count_that_cannot_be_is_no_count(name: str, count: object) -> None:
    tokens, _ = await booked(says("Sound.", {**BILLED, name: count}))

    assert tokens == RESERVED


@pytest.mark.parametrize("cached", [-9, 10**8])
async def test_no_more_is_read_from_a_cache_than_was_sent(cached: int) -> None:
    usage = {**BILLED, "prompt_tokens_details": {"cached_tokens": cached}}
    server_says = says("Sound.", usage)

    async with fault_server(models={"m": [server_says]}) as server:
        candidate = Candidate("m", "p", "m", available=True, reason="")
        reply = await openai_chat(Endpoint("p", server.openai_url))(candidate, CALL)

    assert reply.usage.cached_tokens == (None if cached < 0 else 5)


async def test_a_message_that_broke_off_is_not_booked_at_what_it_had_begun_with() -> None:
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 5, "output_tokens": 1}}}
    begun = Sends(f"data: {json.dumps(start)}\n\n".encode())

    async with fault_server(models={"m": [begun]}) as server:
        candidate = Candidate("m", "p", "m", available=True, reason="")
        with pytest.raises(ModelFailure, match="ended before") as failed:
            await anthropic_chat(Endpoint("p", server.openai_url))(candidate, CALL)

    assert failed.value.usage == Usage(5)
