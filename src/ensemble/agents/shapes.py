"""The shapes in which agent files write one and the same thing, and their JSON Schemas.

What a file holds is looser than what the program works with: a map may name its default
among its entries, a list of tools may be a comma string. Schemas describe what is written.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core.core_schema import CoreSchema

_TEXT: Final = {"type": "string"}
TEXT_OR_NUMBER: Final = {"anyOf": [{"type": "string"}, {"type": "number"}]}
_TEXTS: Final = {"type": "array", "items": _TEXT}


def split_tools(given: Any) -> Any:
    """Return tool names from a comma string or a list, each once."""
    if isinstance(given, str):
        given = [name.strip() for name in _at_commas(given)]
    if isinstance(given, list):
        names = cast("list[Any]", given)
        if all(isinstance(name, str) for name in names):
            return tuple(dict.fromkeys(name for name in names if name))
    return () if given is None else cast("Any", given)


def _at_commas(text: str) -> list[str]:
    """Split at commas, but not inside `Agent(planner, writer)`."""
    if "(" not in text:
        return text.split(",")
    parts: list[str] = []
    depth = start = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")" and depth > 0)
        if letter == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    return text.split(",") if depth else [*parts, text[start:]]


def one_or_more(given: Any) -> Any:
    """Return a tuple of texts from one text, a number or a list."""
    if given is None:
        return ()
    if isinstance(given, (str, int, float)):
        return (str(given),)
    if isinstance(given, list):
        items = cast("list[Any]", given)
        return tuple(str(i) if isinstance(i, (int, float)) else i for i in items)
    return given


def beside_default(given: Any, inside: str, default: str = "default") -> Any:
    """Move a map's named entries below one key, beside the entry that names the default."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        return given
    raw = dict(cast("dict[str, Any]", given))
    if isinstance(raw.get(inside), dict) and set(raw) <= {inside, default}:
        return raw
    return {default: raw.pop(default, None), inside: raw}


def role_list(given: Any) -> Any:
    """Return a list of role names as the map that it stands for.

    Raises:
        ValueError: the list holds more than names.
    """
    if not isinstance(given, list):
        return given
    names = cast("list[Any]", given)
    if not all(isinstance(name, str) for name in names):
        raise ValueError("a list of roles holds their names alone")
    return {"roles": dict.fromkeys(names, "")}


class _Found:
    """A map of entries beside their default, whose schema is that of the written shape."""

    inside: ClassVar[str]
    default_key: ClassVar[str] = "default"
    entries: ClassVar[tuple[dict[str, Any], ...]] = ()
    """What else an entry may be."""
    wholes: ClassVar[tuple[dict[str, Any], ...]] = ()
    """What else may stand in place of the map."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        """Describe the map as it is written: entries and their default side by side."""
        made = handler.resolve_ref_schema(handler(core))
        properties = made["properties"]
        entry = properties[cls.inside]["additionalProperties"]
        written = {
            "type": "object",
            "properties": {
                cls.default_key: {
                    "type": "string",
                    "description": properties[cls.default_key]["description"],
                }
            },
            "additionalProperties": {"anyOf": [entry, *cls.entries, {"type": "null"}]},
        }
        about = made.get("description", "")
        made.clear()
        made.update(
            {"description": about, "anyOf": [written, *cls.wholes]}
            if cls.wholes
            else {"description": about, **written}
        )
        return made


class FoundTools(_Found):
    """Tools: mode to comma string or list, one list for all, or name to on or off."""

    inside: ClassVar[str] = "modes"
    default_key: ClassVar[str] = "default_mode"
    entries: ClassVar[tuple[dict[str, Any], ...]] = (_TEXT,)
    wholes: ClassVar[tuple[dict[str, Any], ...]] = (
        _TEXT,
        _TEXTS,
        {"type": "object", "additionalProperties": {"type": "boolean"}},
    )


class FoundModes(_Found):
    """Cognitive modes beside their default."""

    inside: ClassVar[str] = "modes"


class FoundRoles(_Found):
    """Roles: role to map or text beside their default, or a list of names."""

    inside: ClassVar[str] = "roles"
    entries: ClassVar[tuple[dict[str, Any], ...]] = (_TEXT,)
    wholes: ClassVar[tuple[dict[str, Any], ...]] = (_TEXTS,)
