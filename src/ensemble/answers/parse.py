"""A reply read into an `Answer`, whether it came as JSON or as Markdown."""

import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, cast

from pydantic import ValidationError

from ensemble.answers.answer import Answer, Check, Unparsed, Wanted
from ensemble.answers.markdown import (
    fenced_blocks,
    from_markdown,
    read_confidence,
    read_dispositions,
)
from ensemble.canonical import without_surrogates

MAX_LEVELS: Final = 32
MAX_BYTES: Final = 256 * 1024


def parse_answer(text: str, wanted: Wanted) -> Answer:
    """Read a reply, JSON or Markdown.

    Raises:
        Unparsed: no envelope, a position that is none of the choices, text cut off, or more
            than 256 KiB.
    """
    if (size := len(text.encode(errors="replace"))) > MAX_BYTES:
        raise Unparsed(f"it has {size:,} bytes, more than the {MAX_BYTES:,} that are read")
    stripped = without_surrogates(text).strip()
    answer = _from_json(stripped) if stripped.startswith("{") else _from_prose(stripped)
    if answer.action is not None:
        return answer
    if not answer.result.strip():
        raise Unparsed("there is no **Result**")
    marks = dict(wanted.escalates)
    known = tuple(mark for mark in answer.escalates if mark in marks)
    position = _position(answer.position, wanted.choices)
    return answer.model_copy(update={"position": position, "escalates": known})


def parse_words(text: str, wanted: Wanted) -> Answer:
    """Read what a person typed: a whole answer, or just `position: why; F1 rejected, why`.

    Raises:
        Unparsed: the position is none of the choices.
    """
    try:
        return parse_answer(text, wanted)
    except Unparsed:
        head, _, why = text.strip().partition(":")
        position = _position(head, wanted.choices)
    parts = [part.strip() for part in re.split(r"[;\n]", why)]
    dispositions = tuple(read_dispositions(parts))
    said = "; ".join(part for part in parts if part and not tuple(read_dispositions([part])))
    return Answer(
        result=said or position or text.strip(),
        confidence="high",
        position=position,
        dispositions=dispositions,
    )


def repair_request(problem: str) -> str:
    """Return what to tell a model whose reply could not be read."""
    return (
        f"Your reply could not be read: {problem}. Send the whole reply again, with the four "
        "envelope lines **Result**, **Confidence**, **Uncertainty Factors** and **Verification**, "
        "and every line the format asks for."
    )


def _from_prose(text: str) -> Answer:
    """Read Markdown; a fence in it may hold an action, or the whole answer."""
    blocks = list(fenced_blocks(text))
    for block in blocks:
        action = _action(block)
        if action is not None:
            return action
    try:
        return from_markdown(text).model_copy(update={"checks": _checks(blocks)})
    except Unparsed as fault:
        for block in blocks:
            with suppress(Unparsed):
                return _from_json(block) if block.startswith("{") else from_markdown(block)
        raise fault from None


def _action(block: str) -> Answer | None:
    """Return the request to the lab that a fence holds; None where it holds something else.

    Raises:
        Unparsed: it begins as one and cannot be read.
    """
    try:
        given = _read_json(block)
    except ValueError as error:
        if _BEGUN_ACTION.match(block):
            raise Unparsed(f"{_ACTION_FORM}; this is broken ({error})") from None
        return None  # code, or an example
    if not isinstance(given.get("action"), dict):
        return None
    return Answer(result="", confidence="low", action=given["action"])


def _checks(blocks: Sequence[str]) -> tuple[Check, ...]:
    """Return the checks that fences of a Markdown reply hold; what is none is an example."""
    found: list[Check] = []
    for block in blocks:
        with suppress(ValueError):
            listed = _read_json(block).get("checks")
            items = cast("list[Any]", listed) if isinstance(listed, list) else []
            found += [Check.model_validate(item) for item in items]
    return tuple(found)


def _from_json(text: str) -> Answer:
    try:
        given = _read_json(text)
    except ValueError as error:
        raise Unparsed(f"the JSON is cut off or broken ({error})") from error
    if isinstance(given.get("action"), dict):
        return Answer(result="", confidence="low", action=given["action"])
    given.pop("action", None)
    if isinstance(given.get("confidence"), (str, int, float)):
        level, probability = read_confidence(str(given["confidence"]))
        given["confidence"] = level
        if probability is not None:
            given.setdefault("probability", probability)
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


def _read_json(text: str) -> dict[str, Any]:
    """Return the JSON object that `text` is, as a file can hold it.

    Raises:
        ValueError: it is none, is nested too deeply, or holds a number that is not finite.
    """
    try:
        loaded: Any = json.loads(text, parse_float=_finite, parse_constant=_finite)
        if "\\u" in text:  # only an escape can bring in what no file can hold
            loaded = json.loads(without_surrogates(json.dumps(loaded, ensure_ascii=False)))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if _levels(loaded) > MAX_LEVELS:
        raise ValueError(f"more than {MAX_LEVELS} levels of nesting")
    if not isinstance(loaded, dict):
        raise ValueError("no object")  # noqa: TRY004 -- what is wrong is the text
    return cast("dict[str, Any]", loaded)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number} is no finite number")
    return value


def _levels(value: Any) -> int:
    levels, level = 0, [value]
    while level := [inner for item in level for inner in _inside(item)]:
        levels += 1
    return levels


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast("dict[str, Any]", value).values())
    return cast("list[Any]", value) if isinstance(value, list) else []


def _position(given: str | None, choices: Sequence[str]) -> str | None:
    if not choices:
        return " ".join((given or "").split())[:_LONGEST_POSITION].strip() or None
    if given is None:
        raise Unparsed(f"there is no **Position**; choose one of {', '.join(choices)}")
    tried = (given.strip(), _REMARK.split(given.strip(), maxsplit=1)[0])
    for reduced in (str.casefold, _plain):
        for text in tried:
            meant = [choice for choice in choices if reduced(text) == reduced(choice) != ""]
            if len(meant) == 1:
                return meant[0]
    raise Unparsed(f"position {given.strip()[:80]!r} is none of {', '.join(choices)}")


def _plain(position: str) -> str:
    """Return a position's words alone: case, marks round it and dashes in it say nothing."""
    return "-".join(re.findall(r"[^\W_]+", position.casefold()))


_LONGEST_POSITION: Final = 200
_ACTION_FORM: Final = 'a request to measure is {"action": {"tool": …, "spec": {…}}} alone'
_BEGUN_ACTION: Final = re.compile(r'\{\s*"action"\s*:')
_REMARK: Final = re.compile(r"(?<!\s)\s++[-—\u2013]+\s|[—\u2013:;,.(\n]")
