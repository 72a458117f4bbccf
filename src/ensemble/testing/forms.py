"""A model behind the fault server that answers in some forms, and refuses or ignores others.

For tests of what a chain does with a model that is held to less than was claimed of it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from ensemble.models.provider import Form
from ensemble.testing.faults import Exchange, Refuses, Says

if TYPE_CHECKING:
    from aiohttp.web import StreamResponse

Speak = Callable[[Mapping[str, Any]], str]
"""Says what the model answers to a request's body."""
_OFFERS: Final = ("tools", "tool_choice", "response_format", "format", "output_config")


@dataclass(frozen=True)
class Holds:
    """What such a model does with any request."""

    forms: tuple[Form, ...] = ()
    """The forms, beside text, that hold it."""
    speak: Speak = lambda _: "It is sound."
    """What it writes, in the form it was asked for or, where nothing holds it, in words."""
    ignores: bool = False
    """Whether it writes words where it is asked for another form; else it refuses with 400."""

    async def act(self, exchange: Exchange) -> "StreamResponse":
        """Answer in the form that was asked for, or not."""
        form, schema = asked_form(exchange.asked)
        if form in self.forms:
            text = self.speak(exchange.asked)
            if schema.get("properties", {}).keys() == {"mark"}:  # a probe's word
                text = json.dumps({"mark": schema["properties"]["mark"]["enum"][0]})
            if schema.get("properties", {}).keys() == {"reply"}:
                text = json.dumps({"reply": json.loads(text)})
        elif form is Form.TEXT or self.ignores:
            exchange.asked = {k: v for k, v in exchange.asked.items() if k not in _OFFERS}
            text = self.speak(exchange.asked)
        else:
            return await Refuses(400, f"{form} is not supported").act(exchange)
        exchange.answer = replace(exchange.answer, text=text)
        return await Says().act(exchange)


def asked_form(asked: Mapping[str, Any]) -> tuple[Form, Mapping[str, Any]]:
    """Return the form that a request asks for, in any vendor's words, and the schema in it."""
    if tools := asked.get("tools"):
        tool = tools[0].get("function", tools[0])
        return Form.TOOL_CALL, tool.get("parameters") or tool["input_schema"]
    if told := asked.get("response_format"):
        return Form.SCHEMA, told["json_schema"]["schema"]
    if told := asked.get("format"):
        return Form.SCHEMA, told
    if told := asked.get("output_config", {}).get("format"):
        return Form.SCHEMA, told["schema"]
    return Form.TEXT, {}
