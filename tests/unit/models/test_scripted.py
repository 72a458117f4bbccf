"""The script in place of a model."""

import pytest
from langchain_core.messages import HumanMessage

from ensemble.models.provider import Candidate, Failure, ModelCall, ModelFailure, Reply
from ensemble.testing import ScriptFault, scripted

CANDIDATE = Candidate("x", "scripted", "script", available=True, reason="")


def a_call(key: str = "panel[0]/panel_member#0/model#0") -> ModelCall:
    return ModelCall(key, (HumanMessage("?"),))


async def test_one_line_answers_every_call() -> None:
    script = scripted("Sound.")

    texts = [(await script(CANDIDATE, a_call())).text for _ in range(3)]

    assert texts == ["Sound."] * 3
    assert len(script.asked) == 3


async def test_several_lines_are_spoken_in_order_and_no_further() -> None:
    script = scripted(["one", "two"])

    texts = [(await script(CANDIDATE, a_call())).text for _ in range(2)]

    assert texts == ["one", "two"]
    with pytest.raises(ScriptFault, match="are spoken"):
        await script(CANDIDATE, a_call())


async def test_the_nearest_place_speaks() -> None:
    script = scripted(
        {
            "*": "anyone",
            "panel": "the panel",
            "panel[1]": "the second",
            "panel[2]/panel_member#0": "the turn",
            "panel[2]/panel_member#0/model#1": "the call",
        }
    )
    keys = ["chair/x#0/model#0", "panel[0]/x#0/model#0", "panel[1]/x#0/model#0"]
    keys += [f"panel[2]/panel_member#0/model#{number}" for number in range(2)]

    texts = [(await script(CANDIDATE, a_call(key))).text for key in keys]

    assert texts == ["anyone", "the panel", "the second", "the turn", "the call"]


async def test_data_is_sent_as_json_and_a_function_is_asked() -> None:
    script = scripted({"panel": {"result": "ü"}, "chair": lambda candidate, call: call.key})

    first = await script(CANDIDATE, a_call())
    second = await script(CANDIDATE, a_call("chair/x#0/model#0"))

    assert first.text == '{"result": "ü"}'
    assert second.text == "chair/x#0/model#0"


async def test_a_scripted_failure_is_raised_and_a_reply_given_as_it_is() -> None:
    cut = Reply("so fa", served="a/b", finish="length")
    script = scripted([ModelFailure(Failure.RATE_LIMIT, "slow"), cut])

    with pytest.raises(ModelFailure, match="slow"):
        await script(CANDIDATE, a_call())
    assert await script(CANDIDATE, a_call()) is cut


async def test_a_call_the_script_does_not_know_fails() -> None:
    script = scripted({"chair": "Yes."})

    with pytest.raises(ScriptFault, match="no line for this call"):
        await script(CANDIDATE, a_call())


async def test_lines_left_over_fail_at_the_end() -> None:
    script = scripted({"panel": ["one", "two"], "chair": "unheard"})
    await script(CANDIDATE, a_call())

    with pytest.raises(ScriptFault, match=r"panel: 1 of 2 spoken; chair: 0 of 1 spoken"), script:
        pass


async def test_an_error_under_way_is_not_hidden_by_lines_left_over() -> None:
    with pytest.raises(ZeroDivisionError), scripted(["unheard"]):
        raise ZeroDivisionError


async def test_the_answer_is_heard_by_whoever_listens() -> None:
    heard: list[str] = []
    call = ModelCall("k", (HumanMessage("?"),), heard=heard.append)

    await scripted("Sound.")(CANDIDATE, call)

    assert heard == ["Sound."]
