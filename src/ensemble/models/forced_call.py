"""The one function that a model has to call, so that its arguments are the answer.

For models that call tools but are held to no schema. The words are those of OpenAI's chat
route, which litellm and Ollama speak too; it has never heard of HTTP or of any server.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, cast

from ensemble.models.provider import Candidate, Failure, Form, ModelCall, ModelFailure

FUNCTION: Final = "answer"
DESCRIPTION: Final = "Gives the answer."
_WRAPPED: Final = "reply"


def parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer's schema as a function's parameters, which have to be one object."""
    if schema.get("type") == "object":
        return dict(schema)
    return {
        "type": "object",
        "properties": {_WRAPPED: dict(schema)},
        "required": [_WRAPPED],
        "additionalProperties": False,
    }


def forced_call(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request that make a model call the one function."""
    function = {"name": FUNCTION, "description": DESCRIPTION, "parameters": parameters(schema)}
    return {
        "tools": [{"type": "function", "function": function}],
        "tool_choice": {"type": "function", "function": {"name": FUNCTION}},
    }


class Arguments:
    """The arguments of the call, joined as they come in."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._call: tuple[Any, Any] | None = None

    @property
    def text(self) -> str:
        """What came so far."""
        return "".join(self._parts)

    def take(self, calls: Any) -> str:
        """Add pieces of calls, each `{"index", "id", "function": {"arguments"}}`; return theirs.

        Raises:
            ModelFailure: there is more than one call, or a piece has another shape.
        """
        taken: list[str] = []
        for piece in cast("list[Any]", calls if isinstance(calls, list) else []):
            told = _mapping(piece)
            function = _mapping(told.get("function"))
            self._keep_to_one(told)
            given: Any = function.get("arguments")
            if given:
                taken.append(given if isinstance(given, str) else json.dumps(given))
        self._parts += taken
        return "".join(taken)

    def _keep_to_one(self, piece: Mapping[str, Any]) -> None:
        """Fail for a second call: nobody could say which of the two is the answer."""
        index, name = piece.get("index"), piece.get("id")
        if self._call is None:
            self._call = (index, name)
            return
        first_index, first_name = self._call
        goes_on = index == first_index and (name in (None, "", first_name))
        if not goes_on or (index is None and not name):
            raise ModelFailure(Failure.UNUSABLE, "it called the function more than once")


def answer_in(
    arguments: str, words: str, candidate: Candidate, call: ModelCall, *, cut: bool
) -> str:
    """Return the text of an answer: the call's arguments where one was forced, else the words.

    Raises:
        ModelFailure: a call was forced, and the model wrote words in its place.
    """
    if call.schema is None or candidate.form is not Form.TOOL_CALL:
        return words
    if arguments:
        return _unwrapped(arguments, call.schema)
    if words.strip() and not cut:
        text = "it wrote words where it had to call the function"
        raise ModelFailure(Failure.FORM, text)
    return words


def _unwrapped(arguments: str, schema: Mapping[str, Any]) -> str:
    if schema.get("type") == "object":
        return arguments
    try:
        given: Any = json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments  # cut or broken, which the chain finds out
    if list(_mapping(given)) != [_WRAPPED]:
        return arguments
    inside: Any = given[_WRAPPED]
    return inside if isinstance(inside, str) else json.dumps(inside, ensure_ascii=False)


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ModelFailure(Failure.UNUSABLE, "a piece of the call has another shape")
    return cast("dict[str, Any]", value)
