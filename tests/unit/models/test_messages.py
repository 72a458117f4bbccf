"""Messages as plain data."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from ensemble.models.messages import is_json, plain


def test_messages_are_a_role_and_a_text() -> None:
    messages = [
        SystemMessage("s"),
        HumanMessage([{"type": "text", "text": "h"}, "i"]),
        AIMessage("a"),
        ToolMessage("t", tool_call_id="1"),
    ]

    assert plain(messages) == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "t"},
    ]


def test_a_lone_surrogate_does_not_reach_the_journal() -> None:
    assert plain([HumanMessage("a\ud800b")])[0]["content"] == "a?b"


@pytest.mark.parametrize(
    ("text", "json"),
    [('{"a": 1}', True), ("[1]", True), ('"a"', False), ("1", False), ("{", False), ("", False)],
)
def test_only_an_object_or_a_list_is_json(text: str, json: bool) -> None:  # noqa: FBT001
    assert is_json(text) is json


def test_json_nested_without_end_is_none() -> None:
    assert not is_json("[" * 100_000)
