"""A frontmatter's values as their author wrote them: `1.10`, `no` and `5` stay texts.

Also what a template left behind: placeholders, choices that nobody made, names that cannot
be one. Whatever is changed here is reported as a repair.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final, cast

from ensemble.agents.conversion import Converted, Fate
from ensemble.agents.dialects import name_from, slug
from ensemble.agents.repairs import Repair, repair
from ensemble.agents.spec import NAME_PATTERN, AgentSpec
from ensemble.strict_yaml import Document, Path

_NOT_TEXT: Final = frozenset({"audit", "load_bearing", "gate_integration", "mcp_servers"})
_TEXT_KEYS: Final = frozenset({*AgentSpec.model_fields, "default_cognitive_mode"}) - _NOT_TEXT
_SCALARS: Final = frozenset(
    {"name", "description", "model", "tier", "role", "version", "gate_type", "phase_name"}
)
_CHOICES: Final = ("role", "tier", "model", "gate_type")
_NOT_TEXTS: Final = (("escalation", "confidence_threshold"), ("tools",))


def as_written(document: Document, given: dict[str, Any]) -> tuple[dict[str, Any], list[Repair]]:
    """Return the fields with the author's text where a text is meant."""
    changes = dict(_texts(document, given))
    done: list[Repair] = []
    for key, value in given.items():
        flow = document.place(key)[0] == document.key_place(key)[0]
        placeholder = _placeholder(value) if key in _SCALARS and flow else None
        if placeholder is not None:
            changes[key,] = placeholder
            done.append(repair("R12", document.key_place(key)[0], f"{key}: {placeholder}", key))
    for step, value in _sentences(document, given):
        if step in document.marks:
            changes[step] = value
            done.append(repair("R10", document.marks[step][0], value[:40], str(step[0])))
    if not changes:
        return given, done
    copy = deepcopy(given)
    for step, text in changes.items():
        at: Any = copy
        for key in step[:-1]:
            at = at[key]
        at[step[-1]] = text
    return copy, done


def with_choices(document: Document, given: dict[str, Any]) -> tuple[dict[str, Any], list[Repair]]:
    """Return the fields without choices that a template offered and nobody made."""
    done: list[Repair] = []
    kept = dict(given)
    for key in _CHOICES:
        value = given.get(key)
        if isinstance(value, str) and " | " in value:
            del kept[key]
            done.append(repair("R14", document.key_place(key)[0], f"{key}: {value[:40]}", key))
    return kept, done


def with_name(document: Document, made: Converted, path: str, *, required: bool) -> list[Repair]:
    """Give the agent a name: its own, or one made from its text or the file's name.

    Args:
        document: the frontmatter.
        made: the fields, whose `name` is set.
        path: the file.
        required: whether this dialect requires a name, so that a missing one is a repair.
    """
    name = made.given.get("name")
    if isinstance(name, str) and re.fullmatch(NAME_PATTERN, name):
        return []
    if name is not None and not isinstance(name, str):
        return []  # a field of the wrong type; the model refuses it with its place
    own = slug(name) if name and "{" not in name else ""
    from_path = name_from(path)
    made.given["name"] = own or slug(from_path) or "agent"
    if name is None and not required:
        if "/" in from_path:
            made.fates.append(Fate("(name)", "changed", f"{from_path} as {made.given['name']}"))
        return []
    line = document.key_place("name")[0]
    said = f"{name!r} is {made.given['name']}" if name else made.given["name"]
    return [repair("R13", line, said)]


def _texts(document: Document, given: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield the texts of scalars that YAML reads as something else."""
    for step, text in document.texts.items():
        if not step or step[0] not in _TEXT_KEYS or step in _NOT_TEXTS:
            continue
        value: Any = given
        try:
            for key in step:
                value = value[key]
        except (KeyError, IndexError, TypeError):
            continue
        switch = step[0] == "tools" and isinstance(value, bool)
        if not isinstance(value, str) and value is not None and not switch:
            yield step, text


def _placeholder(value: Any) -> str | None:
    """Return `{agent-name}`, which YAML reads as a map, as the text that it is."""
    if not isinstance(value, dict):
        return None
    words = cast("dict[str, Any]", value).items()
    told = [word if text is None else f"{word}: {text}" for word, text in words]
    return f"{{{', '.join(told)}}}"


def _sentences(document: Document, given: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """Yield items of text lists that an unquoted colon turned into maps."""
    escalation = given.get("escalation")
    lists: list[tuple[Path, Any]] = [(("proactive_triggers",), given.get("proactive_triggers"))]
    if isinstance(escalation, dict):
        inner = cast("dict[str, Any]", escalation)
        lists += [(("escalation", k), inner.get(k)) for k in ("triggers", "context_to_include")]
    for step, items in lists:
        for number, item in enumerate(cast("list[Any]", items) if isinstance(items, list) else ()):
            if isinstance(item, dict) and len(cast("dict[str, Any]", item)) == 1:
                (first,) = cast("dict[str, Any]", item)
                if (rest := document.texts.get((*step, number, first))) is not None:
                    yield (*step, number), f"{first}: {rest}"
