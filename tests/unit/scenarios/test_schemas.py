"""The schemas of what people write: draft 7, with a description for every key."""

from typing import Any, cast

import pytest

from ensemble.errors import UsageError
from ensemble.scenarios.schemas import schema_of


@pytest.mark.parametrize("what", ["scenario", "agent"])
def test_a_schema_is_in_the_draft_that_editors_know(what: str) -> None:
    schema = schema_of(what)

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not {"$defs", "prefixItems"} & set(every_key(schema))
    assert all(ref.startswith("#/definitions/") for ref in references(schema))


def test_every_key_of_a_scenario_is_described_and_no_other_is_allowed() -> None:
    schema = schema_of("scenario")

    blocks = [b for b in (schema, *schema["definitions"].values()) if b["type"] == "object"]
    for block in blocks:
        assert block["additionalProperties"] is False
        undescribed = [n for n, item in block["properties"].items() if not described(item, schema)]
        assert undescribed == [], block["title"]


def test_the_lab_has_one_schema_per_tool() -> None:
    tools = schema_of("lab")["tools"]

    assert set(tools) == {"check_data", "train", "evaluate", "benchmark"}


def test_another_schema_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'agent'"):
        schema_of("agents")


def described(item: dict[str, Any], schema: dict[str, Any]) -> bool:
    """Whether an editor has something to say; a block is described where it is defined."""
    named = str(item.get("$ref", "")).rpartition("/")[2]
    return bool(item.get("description") or schema["definitions"].get(named, {}).get("description"))


def every_key(value: Any) -> list[str]:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return [*items, *(key for item in items.values() for key in every_key(item))]
    if isinstance(value, list):
        return [key for item in cast("list[Any]", value) for key in every_key(item)]
    return []


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        own = [items["$ref"]] if "$ref" in items else []
        return own + [ref for item in items.values() for ref in references(item)]
    if isinstance(value, list):
        return [ref for item in cast("list[Any]", value) for ref in references(item)]
    return []
