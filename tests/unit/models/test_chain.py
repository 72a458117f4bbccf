"""The walk down a chain, recorded in a real journal."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from ensemble.errors import Diverged, NoModelLeft, OverLimit, Paused
from ensemble.journal.run_journal import Journal
from ensemble.models.chain import BRIEF_TOKENS, Admit, Answered, ChainExhausted, ask, requested
from ensemble.models.policy import Policy
from ensemble.models.provider import (
    Candidate,
    Failure,
    Form,
    ModelCall,
    ModelFailure,
    Params,
    Provider,
    Reply,
    Usage,
)
from ensemble.models.scripted import Script, scripted

KEY = "panel[0]/panel_member#0/model#0"
QUICK = Policy(backoff_s=0.001)


def a_candidate(provider: str, **given: Any) -> Candidate:
    fields: dict[str, Any] = {"asked": provider, "model": "m", "available": True, "reason": ""}
    fields |= {"provider": provider, **given}
    return Candidate(**fields)


def a_call(**given: Any) -> ModelCall:
    messages = (SystemMessage("You review."), HumanMessage("Is it sound?"))
    fields: dict[str, Any] = {"key": KEY, "messages": messages, **given}
    return ModelCall(**fields)


def fails_with(kind: Failure, times: int = 1, **given: Any) -> list[ModelFailure]:
    return [ModelFailure(kind, f"seen {kind.value}", **given) for _ in range(times)]


async def walk(
    providers: Mapping[str, Provider],
    journal: Journal | None = None,
    *,
    chain: Sequence[Candidate] | None = None,
    call: ModelCall | None = None,
    policy: Policy = QUICK,
    admit: Admit | None = None,
) -> Answered:
    return await ask(
        chain or [a_candidate(name) for name in providers],
        call or a_call(),
        recorder=journal or Journal("r"),
        providers=providers,
        policy=policy,
        admit=admit,
    )


def events_of(journal: Journal) -> list[tuple[str, str]]:
    return [(event.event, event.attempt) for event in journal.events]


@pytest.mark.parametrize(
    "kind", [Failure.RATE_LIMIT, Failure.OVERLOADED, Failure.TRANSPORT, Failure.TIMEOUT]
)
async def test_a_passing_fault_is_tried_again_at_the_same_model(kind: Failure) -> None:
    first = scripted([*fails_with(kind), "Sound."])

    answered = await walk({"first": first, "second": scripted("unused")})

    assert answered.reply.text == "Sound."
    assert answered.candidate.provider == "first"
    assert [attempt.failure for attempt in answered.attempts] == [kind]


@pytest.mark.parametrize(
    ("kind", "tries"),
    [
        (Failure.RATE_LIMIT, 3),
        (Failure.OVERLOADED, 3),
        (Failure.TRANSPORT, 3),
        (Failure.TIMEOUT, 2),
        (Failure.AUTH, 1),
        (Failure.NOT_FOUND, 1),
        (Failure.UNUSABLE, 1),
    ],
)
async def test_a_lasting_fault_is_left_for_the_next_model_after_its_tries(
    kind: Failure, tries: int
) -> None:
    first = scripted(fails_with(kind, tries))

    answered = await walk({"first": first, "second": scripted("Sound.")})

    first.close()
    assert answered.candidate.provider == "second"
    assert [attempt.number for attempt in answered.attempts] == list(range(1, tries + 1))


async def test_a_fault_of_the_request_ends_the_walk() -> None:
    second = scripted("Sound.")

    with pytest.raises(ChainExhausted):
        await walk({"first": scripted(fails_with(Failure.BAD_REQUEST)), "second": second})

    assert second.asked == []


async def test_what_one_model_declines_another_is_asked_in_the_same_words() -> None:
    first, second = scripted(fails_with(Failure.CONTENT_FILTER)), scripted("Sound.")

    answered = await walk({"first": first, "second": second})

    assert answered.candidate.provider == "second"
    assert first.asked[0].messages == second.asked[0].messages


async def test_a_chain_in_which_a_model_declined_and_none_answered_has_refused() -> None:
    first = scripted(fails_with(Failure.CONTENT_FILTER))

    with pytest.raises(ChainExhausted) as caught:
        await walk({"first": first, "second": scripted(fails_with(Failure.AUTH))})

    assert caught.value.refused


async def test_a_key_that_is_refused_is_told_although_the_run_goes_on() -> None:
    first = scripted(fails_with(Failure.AUTH))

    answered = await walk({"first": first, "second": scripted("Sound.")})

    told = [(attempt.failure, attempt.error) for attempt in answered.attempts]
    assert told == [(Failure.AUTH, "seen auth")]


async def test_a_prompt_too_large_goes_on_only_to_a_larger_window() -> None:
    first, second = scripted(fails_with(Failure.CONTEXT)), scripted("unused")
    providers = {"first": first, "second": second, "third": scripted("Sound.")}
    windows = {"first": 8000, "second": 8000, "third": 32000}
    chain = [a_candidate(name, context=size) for name, size in windows.items()]

    answered = await walk(providers, chain=chain)

    assert answered.candidate.provider == "third"
    assert second.asked == []


async def test_a_prompt_too_large_for_every_window_fails() -> None:
    first, second = scripted(fails_with(Failure.CONTEXT)), scripted("unused")
    chain = [a_candidate("first", context=8000), a_candidate("second", context=4000)]

    with pytest.raises(ChainExhausted, match="larger window"):
        await walk({"first": first, "second": second}, chain=chain)

    assert second.asked == []


EVIDENCE = ("L1 train_classifier: " + "accuracy 0.93, " * 90, "L1 train_classifier: ok")


def a_long_call() -> ModelCall:
    messages = (SystemMessage("You review."), HumanMessage(f"Is it sound?\n{EVIDENCE[0]}"))
    return a_call(messages=messages, gives_way=(EVIDENCE,), params=Params(max_tokens=100))


async def test_evidence_gives_way_before_the_next_model_is_asked() -> None:
    first, journal = scripted("Sound."), Journal("r")
    chain = [a_candidate("first", context=600), a_candidate("second", context=8000)]
    providers = {"first": first, "second": scripted("unused")}

    answered = await walk(providers, journal, chain=chain, call=a_long_call())

    assert [attempt.failure for attempt in answered.attempts] == [Failure.CONTEXT]
    assert [message.content for message in first.asked[0].messages] == [
        "You review.",
        f"Is it sound?\n{EVIDENCE[1]}",
    ]
    asked = [e.body["request"]["messages"][1] for e in journal.events if e.event == "model_asked"]
    assert [EVIDENCE[0] in message["content"] for message in asked] == [True, False]


async def test_what_does_not_fit_even_so_goes_whole_to_a_roomier_model_unsent() -> None:
    first, second = scripted("unused"), scripted("Sound.")
    chain = [a_candidate("first", context=100), a_candidate("second", context=8000)]

    await walk({"first": first, "second": second}, chain=chain, call=a_long_call())

    assert first.asked == []
    assert EVIDENCE[0] in str(second.asked[0].messages[1].content)


async def test_a_server_that_finds_no_room_is_asked_once_more_with_less_evidence() -> None:
    first = scripted([*fails_with(Failure.CONTEXT), "Sound."])

    answered = await walk({"first": first, "second": scripted("unused")}, call=a_long_call())

    assert answered.candidate.provider == "first"
    assert EVIDENCE[0] not in str(first.asked[1].messages[1].content)


async def test_a_replay_sends_the_same_evidence_whoever_counts() -> None:
    live, unused = Journal("r"), scripted([])
    chain = [a_candidate("first", context=600)]
    answered = await walk({"first": scripted("Sound.")}, live, chain=chain, call=a_long_call())
    replay = Journal("r", recorded=live.events, replaying=True)
    roomy = [a_candidate("first", context=100_000)]

    again = await walk({"first": unused}, replay, chain=roomy, call=a_long_call())

    assert again.reply == answered.reply
    assert len(again.attempts) == 1


@pytest.mark.parametrize("text", ["", " \n ", "no JSON at all", '"a text"', '{"cut": '])
async def test_an_answer_of_no_use_is_left_for_the_next_model(text: str) -> None:
    chain = [a_candidate("first", form=Form.SCHEMA), a_candidate("second", form=Form.SCHEMA)]
    providers = {"first": scripted(text), "second": scripted('{"result": "sound"}')}

    answered = await walk(providers, chain=chain, call=a_call(schema={"type": "object"}))

    assert answered.reply.text == '{"result": "sound"}'
    assert [attempt.failure for attempt in answered.attempts] == [Failure.UNUSABLE]


async def test_an_empty_answer_is_none_for_any_model() -> None:
    answered = await walk({"first": scripted(" \n"), "second": scripted("Sound.")})

    assert [attempt.failure for attempt in answered.attempts] == [Failure.UNUSABLE]


async def test_an_answer_cut_at_its_limit_is_an_answer_marked_as_cut() -> None:
    cut = Reply('{"result": "so', served="first/m", finish="length")
    chain = [a_candidate("first", form=Form.SCHEMA), a_candidate("second", form=Form.SCHEMA)]
    providers = {"first": scripted(cut), "second": scripted("{}")}

    answered = await walk(providers, chain=chain, call=a_call(schema={"type": "object"}))

    assert (answered.reply.text, answered.reply.finish) == ('{"result": "so', "length")


async def test_a_schema_goes_only_to_models_that_hold_to_one() -> None:
    first, second = scripted(fails_with(Failure.AUTH)), scripted("**Result**: sound")
    chain = [a_candidate("first", form=Form.SCHEMA), a_candidate("second")]

    await walk({"first": first, "second": second}, chain=chain, call=a_call(schema={"a": 1}))

    assert first.asked[0].schema == {"a": 1}
    assert second.asked[0].schema is None


async def test_a_brief_candidate_may_say_little() -> None:
    script = scripted("{}")
    chain = [a_candidate("small", brief=True, form=Form.SCHEMA)]
    call = a_call(schema={"long": 1}, brief_schema={"short": 1}, params=Params(max_tokens=900))

    await walk({"small": script}, chain=chain, call=call)

    assert script.asked[0].params.max_tokens == BRIEF_TOKENS
    assert script.asked[0].schema == {"short": 1}


async def test_a_candidate_that_is_not_available_costs_no_attempt() -> None:
    absent = scripted("unused")
    chain = [a_candidate("absent", available=False, reason="no KEY"), a_candidate("there")]
    journal = Journal("r")

    answered = await walk({"absent": absent, "there": scripted("Sound.")}, journal, chain=chain)

    assert answered.attempts == ()
    assert absent.asked == []
    assert events_of(journal) == [("model_asked", "1"), ("model_replied", "1")]


async def test_an_exhausted_chain_tells_every_attempt_and_who_was_not_asked() -> None:
    chain = [a_candidate("absent", available=False, reason="no KEY"), a_candidate("there")]

    with pytest.raises(NoModelLeft) as caught:
        await walk({"there": scripted(fails_with(Failure.OVERLOADED, 3))}, chain=chain)

    text = str(caught.value)
    assert text.count("there/m") == 3
    assert "seen overloaded" in text
    assert "not asked" in text
    assert "no KEY" in text
    assert text.startswith(KEY)


async def test_a_chain_of_nobody_is_exhausted_at_once() -> None:
    with pytest.raises(ChainExhausted, match="no model answered"):
        await walk({}, chain=[a_candidate("absent", available=False)])


async def test_attempts_count_up_over_the_whole_walk() -> None:
    journal = Journal("r")
    providers = {
        "first": scripted(fails_with(Failure.RATE_LIMIT, 3)),
        "second": scripted([*fails_with(Failure.OVERLOADED), "Sound."]),
    }

    await walk(providers, journal)

    asked = [attempt for event, attempt in events_of(journal) if event == "model_asked"]
    assert asked == ["1", "2", "3", "4", "5"]


async def test_a_replay_takes_the_same_walk_and_asks_nobody() -> None:
    live = Journal("r")
    told = {"retry_after_s": 0.01}
    providers: dict[str, Script] = {
        "first": scripted(fails_with(Failure.RATE_LIMIT, 3, **told)),
        "second": scripted("Sound."),
    }
    first = await walk(providers, live)
    unused = {name: scripted([]) for name in providers}
    slow = Policy(backoff_s=3600, retry_after_at_most_s=7200)

    again = await asyncio.wait_for(
        walk(unused, Journal("r", recorded=live.events, replaying=True), policy=slow), 5
    )

    assert again == first
    assert all(not script.asked for script in unused.values())


async def test_a_replay_that_asks_something_else_is_told_so() -> None:
    live = Journal("r")
    await walk({"first": scripted("Sound.")}, live)
    other = a_call(messages=(HumanMessage("Is it cheap?"),))

    replay = Journal("r", recorded=live.events, replaying=True)

    with pytest.raises(Diverged):
        await walk({"first": scripted("Sound.")}, replay, call=other)


async def test_a_server_that_asks_for_too_long_a_wait_is_left_for_the_next() -> None:
    first = scripted(fails_with(Failure.RATE_LIMIT, 1, retry_after_s=3600))

    answered = await walk({"first": first, "second": scripted("Sound.")})

    first.close()
    assert answered.candidate.provider == "second"


@pytest.mark.parametrize(("read", "answers"), [(170, True), (150, False), (0, True), (None, True)])
async def test_a_prompt_of_which_less_was_read_than_sent_is_no_question(
    read: int | None, *, answers: bool
) -> None:
    call = a_call(messages=(HumanMessage("Is it sound? " * 50),))
    reply = Reply("Sound.", served="first/m", usage=Usage(read, None, 2))

    answered = await walk({"first": scripted(reply), "second": scripted("No.")}, call=call)

    assert (answered.candidate.provider == "first") is answers
    assert [a.failure for a in answered.attempts] == ([] if answers else [Failure.CONTEXT])


async def test_a_stream_that_broke_off_is_kept_as_a_failure_and_never_as_an_answer() -> None:
    journal = Journal("r")
    broken = ModelFailure(Failure.UNUSABLE, "broke off")
    broken.partial = "Sound, I beli"

    answered = await walk({"first": scripted([broken]), "second": scripted("No.")}, journal)

    failed = next(event for event in journal.events if event.event == "model_failed")
    assert failed.body["partial"] == "Sound, I beli"
    assert answered.reply.text == "No."


async def test_a_call_that_never_ends_is_cut_at_the_limit_of_a_call() -> None:
    async def never(candidate: Candidate, call: ModelCall) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    quick = Policy(backoff_s=0.001, call_s=0.05)

    answered = await walk({"first": never, "second": scripted("Sound.")}, policy=quick)

    assert {attempt.failure for attempt in answered.attempts} == {Failure.TIMEOUT}


async def test_the_limits_are_asked_before_each_attempt_and_noted_beside_it() -> None:
    journal = Journal("r")
    seen: list[int] = []

    def admit(candidate: Candidate, call: ModelCall, attempt: int) -> Mapping[str, Any]:
        seen.append(attempt)
        return {"reserved": {"usd": 0.01 * attempt}}

    await walk({"first": scripted([*fails_with(Failure.TIMEOUT), "Yes."])}, journal, admit=admit)

    asked = [event for event in journal.events if event.event == "model_asked"]
    assert seen == [1, 2]
    assert [event.body["reserved"] for event in asked] == [{"usd": 0.01}, {"usd": 0.02}]


async def test_a_limit_that_would_be_crossed_stops_the_attempt() -> None:
    script = scripted("unused")

    def admit(candidate: Candidate, call: ModelCall, attempt: int) -> Mapping[str, Any]:
        raise OverLimit("0 calls left", where="limits", fix="raise model_calls")

    with pytest.raises(OverLimit):
        await walk({"first": script}, admit=admit)

    assert script.asked == []


async def test_what_a_provider_has_to_tell_the_user_passes_through() -> None:
    async def person(candidate: Candidate, call: ModelCall) -> Reply:
        raise Paused("a person has to answer", where=call.key, fix="answer")

    with pytest.raises(Paused):
        await walk({"first": person, "second": scripted("unused")})


async def test_a_provider_that_is_not_there_is_passed_over() -> None:
    chain = [a_candidate("gone"), a_candidate("there")]

    answered = await walk({"there": scripted("Sound.")}, chain=chain)

    assert answered.attempts[0].failure is Failure.NOT_FOUND


async def test_the_embedded_model_is_asked_one_call_at_a_time() -> None:
    most, now = 0, 0

    async def count(candidate: Candidate, call: ModelCall) -> Reply:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1
        return Reply("{}", served="embedded/m")

    chain = [a_candidate("embedded")]
    calls = [a_call(key=f"panel[{place}]/x#0/model#0") for place in range(8)]

    await asyncio.gather(
        *(walk({"embedded": count}, Journal("r"), chain=chain, call=call) for call in calls)
    )

    assert most == 1


async def test_a_cancelled_attempt_is_not_taken_for_a_failed_one() -> None:
    started = asyncio.Event()

    async def never(candidate: Candidate, call: ModelCall) -> Reply:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    second = scripted("unused")
    walking = asyncio.create_task(walk({"first": never, "second": second}))
    await started.wait()

    walking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await walking
    assert second.asked == []


def test_what_is_fingerprinted_decides_the_answer_and_holds_no_secret() -> None:
    call = a_call(messages=(SystemMessage("s"), HumanMessage("h"), AIMessage("a")))

    request = requested(a_candidate("litellm", model="anthropic/x"), call)

    assert request == {
        "kind": "model",
        "model": "litellm/anthropic/x",
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "h"},
            {"role": "assistant", "content": "a"},
        ],
        "schema": None,
        "params": {"temperature": 0.0, "seed": 7, "max_tokens": 1500},
    }


async def test_a_refused_form_is_left_alike_in_a_replay() -> None:
    live = Journal("r")
    call, chain = a_call(schema={"type": "object"}), [a_candidate("first", form=Form.SCHEMA)]
    script = scripted([*fails_with(Failure.BAD_REQUEST, 2), "Sound."])
    first = await walk({"first": script}, live, chain=chain, call=call)

    replay = Journal("r", recorded=live.events, replaying=True)
    again = await walk({}, replay, chain=chain, call=call)

    schemas = [asked.schema for asked in script.asked]
    assert schemas == [{"type": "object"}, {"type": "object"}, None]
    assert again == first
    assert [attempt.failure for attempt in first.attempts] == [Failure.FORM] * 2
    assert first.candidate == chain[0]


def test_only_a_tool_call_is_told_apart_in_what_is_fingerprinted() -> None:
    asked = {form: requested(a_candidate("first", form=form), a_call()) for form in Form}

    assert asked[Form.SCHEMA] == asked[Form.TEXT]
    assert asked[Form.TOOL_CALL] == {**asked[Form.TEXT], "form": "tool_call"}


@pytest.mark.parametrize(("held", "form"), [(True, Form.SCHEMA), (False, Form.TEXT)])
def test_a_chain_recorded_before_there_were_forms_is_read(form: Form, *, held: bool) -> None:
    now = a_candidate("first", form=form, usd_per_mtok=(1.0, 2.0))
    document: dict[str, Any] = {**asdict(now), "usd_per_mtok": [1.0, 2.0]}
    del document["form"]

    assert Candidate.read({**document, "json_schema": held}) == now
    assert Candidate.read({**document, "form": form.value}) == now
