"""JSON Schemas of what people write, in the draft that editors know (draft 7)."""

from typing import Any, cast

from ensemble.agents.spec import AgentSpec
from ensemble.config import Settings
from ensemble.errors import UsageError, closest
from ensemble.lab.specs import spec_schemas
from ensemble.scenarios.spec import Scenario

_DRAFT = "http://json-schema.org/draft-07/schema#"


def schema_of(what: str) -> dict[str, Any]:
    """Return the schema of `scenario`, `agent`, `lab` or `settings`.

    Raises:
        UsageError: there is no such schema.
    """
    if what == "scenario":
        return _draft7(Scenario.model_json_schema(by_alias=True))
    if what == "agent":
        return _draft7(AgentSpec.model_json_schema())
    if what == "lab":
        tools = {name: _draft7(made) for name, made in spec_schemas().items()}
        return {"schema": "ensemble/lab@1", "tools": tools}
    if what == "settings":
        return _draft7(Settings.model_json_schema())
    raise UsageError(
        f"there is no schema of {what!r}",
        where="OF",
        fix=closest(what, ("scenario", "agent", "lab", "settings")),
    )


def _draft7(made: dict[str, Any]) -> dict[str, Any]:
    """Rewrite pydantic's draft 2020-12 in draft 7: definitions, and lists of fixed length."""
    rewritten: dict[str, Any] = _rewritten(made)
    return {"$schema": _DRAFT, **rewritten}


def _rewritten(value: Any) -> Any:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        return {
            {"$defs": "definitions", "prefixItems": "items"}.get(key, key): _rewritten(item)
            for key, item in items.items()
        }
    if isinstance(value, list):
        return [_rewritten(item) for item in cast("list[Any]", value)]
    if isinstance(value, str):
        return value.replace("#/$defs/", "#/definitions/")
    return value
