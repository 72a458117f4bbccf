"""The arguments of a forced call, joined and read back."""

import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from ensemble.models.forced_call import Arguments, answer_in, parameters
from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure

OBJECT: dict[str, Any] = {"type": "object", "properties": {"result": {"type": "string"}}}
EITHER: dict[str, Any] = {"anyOf": [OBJECT, {"type": "object"}]}
CALLER = Candidate("m", "p", "m", available=True, reason="", form=Form.TOOL_CALL)


def a_piece(arguments: Any, **given: Any) -> dict[str, Any]:
    return {"index": 0, "function": {"arguments": arguments}, **given}


def a_call(schema: dict[str, Any] | None = None) -> ModelCall:
    return ModelCall("k", (HumanMessage("Sound?"),), schema or OBJECT)


def test_pieces_are_joined_in_the_order_in_which_they_come() -> None:
    arguments = Arguments()

    heard = [
        arguments.take([piece])
        for piece in (a_piece("", id="c1"), a_piece('{"a"'), a_piece(": 1}"))
    ]

    assert heard == ["", '{"a"', ": 1}"]
    assert arguments.text == '{"a": 1}'


def test_arguments_that_come_as_an_object_are_written_as_json() -> None:
    assert Arguments().take([{"function": {"arguments": {"a": 1}}}]) == '{"a": 1}'


@pytest.mark.parametrize(
    "second", [a_piece("{}", index=1), a_piece("{}", id="c2"), {"function": {"arguments": "{}"}}]
)
def test_a_second_call_is_no_answer(second: dict[str, Any]) -> None:
    first = a_piece("{}", id="c1") if "index" in second else {"function": {"arguments": "{}"}}

    with pytest.raises(ModelFailure, match="more than once") as failed:
        Arguments().take([first, second])

    assert failed.value.kind is Failure.UNUSABLE


@pytest.mark.parametrize("piece", ["words", {}, {"function": None}, {"function": ["answer"]}, 7])
def test_a_piece_of_another_shape_is_no_answer(piece: Any) -> None:
    with pytest.raises(ModelFailure, match="another shape"):
        Arguments().take([piece])


@pytest.mark.parametrize("nothing", [None, [], "none"])
def test_where_nothing_is_called_nothing_is_taken(nothing: Any) -> None:
    assert Arguments().take(nothing) == ""


def test_parameters_are_one_object_whatever_the_schema() -> None:
    assert parameters(OBJECT) == OBJECT
    assert parameters(EITHER)["properties"] == {"reply": EITHER}
    assert parameters(EITHER)["type"] == "object"


@pytest.mark.parametrize("inside", [{"result": "sound"}, json.dumps({"result": "sound"})])
def test_an_answer_that_was_wrapped_is_unwrapped(inside: Any) -> None:
    text = answer_in(json.dumps({"reply": inside}), "", CALLER, a_call(EITHER), cut=False)

    assert json.loads(text) == {"result": "sound"}


@pytest.mark.parametrize("arguments", ['{"result": "sound"}', '{"reply": {"resu', "no JSON"])
def test_what_was_not_wrapped_is_left_as_it_came(arguments: str) -> None:
    assert answer_in(arguments, "", CALLER, a_call(EITHER), cut=True) == arguments


def test_words_are_the_answer_only_where_no_call_was_forced() -> None:
    by_text = Candidate("m", "p", "m", available=True, reason="")

    with pytest.raises(ModelFailure) as failed:
        answer_in("", "Sound.", CALLER, a_call(), cut=False)

    assert failed.value.kind is Failure.FORM
    assert answer_in("", "Sound.", by_text, a_call(), cut=False) == "Sound."
    assert answer_in("", "Sou", CALLER, a_call(), cut=True) == "Sou"
