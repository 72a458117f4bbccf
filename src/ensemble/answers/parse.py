"""A reply read into an `Answer`, whether it came as JSON or as Markdown."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

from pydantic import ValidationError

from ensemble.answers.answer import Answer, Unparsed, Wanted
from ensemble.answers.markdown import from_markdown


def parse_answer(text: str, wanted: Wanted) -> Answer:
    """Read a reply, JSON or Markdown.

    Raises:
        Unparsed: no envelope, a position that is none of the choices, or text cut off.
    """
    stripped = text.strip()
    answer = _from_json(stripped) if stripped.startswith("{") else from_markdown(stripped)
    if answer.action is not None:
        return answer
    if not answer.result.strip():
        raise Unparsed("there is no **Result**")
    return answer.model_copy(update={"position": _position(answer.position, wanted.choices)})


def repair_request(problem: str) -> str:
    """Return what to tell a model whose reply could not be read."""
    return (
        f"Your reply could not be read: {problem}. Send the whole reply again, with the four "
        "envelope lines **Result**, **Confidence**, **Uncertainty Factors** and **Verification**, "
        "and every line the format asks for."
    )


def _from_json(text: str) -> Answer:
    try:
        raw: Any = json.loads(text)
    except ValueError as error:
        raise Unparsed(f"the JSON is cut off or broken ({error})") from error
    given = cast("dict[str, Any]", raw)
    if isinstance(given.get("action"), dict):
        return Answer(result="", confidence="low", action=given["action"])
    given.pop("action", None)
    listed = given.get("dispositions")
    if isinstance(listed, dict):
        given["dispositions"] = [
            {"finding": name, **(item if isinstance(item, dict) else {"state": item})}
            for name, item in cast("dict[str, Any]", listed).items()
        ]
    try:
        return Answer.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        steps = ".".join(str(step) for step in first["loc"])
        raise Unparsed(f"{steps}: {first['msg']}") from error


def _position(given: str | None, choices: Sequence[str]) -> str | None:
    if not choices:
        return given.strip() if given else None
    if given is None:
        raise Unparsed(f"there is no **Position**; choose one of {', '.join(choices)}")
    word = re.sub(r"[\s_]+", "-", given.strip().strip("*`.\"'").lower())
    for choice in choices:
        if word == choice.lower():
            return choice
    raise Unparsed(f"position {given.strip()!r} is none of {', '.join(choices)}")
