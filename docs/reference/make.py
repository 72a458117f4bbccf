"""Writes the reference pages beside it from the code: `python docs/reference/make.py`.

The commands come from the command line's own tree, the fields of files from their JSON
Schemas, the parts of an agent's body from the class that holds them. Nothing is said here
that the code does not say; a test compares the pages with what these functions return.
"""  # noqa: INP001 - a script beside the pages that it writes

import ast
import inspect
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

from ensemble.agents import markdown, spec
from ensemble.scenarios.schemas import schema_of

FOLDER: Final = Path(__file__).parent
BODY_PARTS: Final = {
    "identity": "`## Identity`; of a body without such headings, all of it",
    "boundaries": "there, a paragraph that begins with `**Domain Boundaries**:`",
    "defers_to": "there, names after `defer to`",
    "vocabulary": "there, a paragraph that begins with `**Vocabulary**:`, split at commas",
    "instructions": "`## Instructions`, lists below `### Always`, `### P0: …`, `### When Critical`",
    "never": "`## Never` or `## Absolute Prohibitions`, a list",
    "specialisations": "`## Specializations` or `## Deep Specializations`, a list a heading",
    "references": "`## Knowledge Sources`, every address",
    "local_sources": "there, a list below `**Local**:`",
    "knowledge": "there, all but addresses, that list and fenced blocks",
    "mcp_servers": "any fenced `yaml` block with the key `mcp_servers`",
    "envelope": "`## Output Format`, a `###` heading that speaks of an envelope",
    "output": "there, headings such as `### For Audit Mode`",
    "severities": "there, words such as `[CRITICAL]`",
    "further": "any other `##` heading",
}
"""Where an agent file says each part of its body."""

_WRITTEN: Final = "<!-- Written by docs/reference/make.py; change the code, then run it. -->"
_KINDS: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "map",
}
_BOUNDS: Final = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "`{}`",
}

Schema = Mapping[str, Any]


def cli_page() -> str:
    """Return `cli.md`: every command with its arguments and options."""
    import typer.main

    from ensemble.cli.app import app
    from ensemble.cli.faults import STATUSES

    group: Any = typer.main.get_command(app)
    commands = [part for named in _commands(group, "ensemble") for part in _command(*named)]
    told, _, listed = " ".join(STATUSES.split()).partition(": ")
    statuses = [f"- {status.strip().rstrip('.')}" for status in listed.split("·")]
    head = ["# The command line", group.help, "`python -m ensemble` is the same command."]
    return _page([*head, *commands, f"## {told}", "\n".join(statuses)])


def scenario_page() -> str:
    """Return `scenario.md`: every field of a scenario file."""
    about = "A scenario is one YAML file. Unknown keys, anchors, tags and repeated keys are errors."
    return _page(["# The scenario file", about, *_models(schema_of("scenario"), "Scenario")])


def agent_page() -> str:
    """Return `agent-file.md`: the frontmatter, and what the body's headings mean."""
    about = (spec.__doc__ or "").partition("\n\n")[2].strip()
    told = _field_texts(markdown.Body)
    beside = (
        "In `tools`, `cognitive_modes` and `ensemble_roles` the entries may also stand beside the "
        "default, without `modes` or `roles` around them."
    )
    rows = [(name, told[name], BODY_PARTS[name]) for name in told]
    body = [
        "## The body",
        (markdown.__doc__ or "").partition("\n\n")[2].strip(),
        _table(("part", "what it holds", "where it stands"), rows),
    ]
    return _page(
        ["# The agent file", about, beside, *_models(schema_of("agent"), "Frontmatter"), *body]
    )


def lab_page() -> str:
    """Return `lab.md`: every field of every lab spec, and what a dataset is."""
    about = (
        "A spec names a `tool` and its fields: in a scenario's `lab.before`, in "
        "`ensemble lab TOOL key=value …`, or in what a seat asks for. A dataset is `digits`; an "
        ".npz file of the workspace with x_train, y_train, x_val, y_val, x_test, y_test, or with x "
        "and y, which the lab splits itself by `split_seed`; or a .csv file with a header and a "
        "label column."
    )
    tools: Mapping[str, Schema] = schema_of("lab")["tools"]
    parts = [part for name, schema in tools.items() for part in _models(schema, name)]
    return _page(["# Lab specs", about, *dict.fromkeys(parts)])


def settings_page() -> str:
    """Return `settings.md`: every key of the user's settings file."""
    about = (
        "The settings are a TOML file of the user's own, never of a project: a folder under review "
        "must not say where prompts are sent. `ensemble doctor` names the file; `ENSEMBLE_CONFIG` "
        "names another."
    )
    return _page(["# The settings file", about, *_models(schema_of("settings"), "Settings")])


PAGES: Final = {
    "cli.md": cli_page,
    "scenario.md": scenario_page,
    "agent-file.md": agent_page,
    "lab.md": lab_page,
    "settings.md": settings_page,
}


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _command(path: str, command: Any) -> Iterator[str]:
    """Yield the paragraphs about one command."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    usage = [path, "[OPTIONS]", *(_usage(argument) for argument in arguments)]
    yield f"## {path}"
    yield f"`{' '.join(usage)}`"
    told, _, example = inspect.cleandoc(command.help).partition("Example: ")
    yield told.strip()
    yield f"Example: `{example.strip()}`"
    if arguments:
        rows = [(f"`{argument.name.upper()}`", argument.help) for argument in arguments]
        yield _table(("argument", "means"), rows)
    if options:
        yield _table(("option", "means"), [(_option(option), option.help) for option in options])


def _usage(argument: Any) -> str:
    several = "..." if argument.nargs == -1 else ""
    name = f"{argument.name.upper()}{several}"
    return name if argument.required else f"[{name}]"


def _option(option: Any) -> str:
    value = "" if option.is_flag else f" {option.name.upper()}"
    return ", ".join(f"`{spelling}{value}`" for spelling in option.opts)


def _models(schema: Schema, title: str) -> Iterator[str]:
    """Yield a section for the model itself, and one for each that it refers to, as met."""
    schema = _with_lists_in_place(schema, schema.get("definitions", {}))
    named: Mapping[str, Schema] = schema.get("definitions", {})
    waiting, seen = [(title, schema)], {title}
    while waiting:
        name, model = waiting.pop(0)
        yield f"## {name}"
        yield str(model.get("description", ""))
        shape, *others = [model] if "properties" in model else model.get("anyOf", [model])
        yield _table(("key", "is", "default", "means"), _fields(shape, named))
        if others:
            yield f"In its place may stand: {' or '.join(map(_kind, others))}."
        for found in _referred([shape.get("properties"), shape.get("additionalProperties")]):
            if found not in seen:
                seen.add(found)
                waiting.append((found, named[found]))


def _with_lists_in_place(value: Any, named: Mapping[str, Schema]) -> Any:
    """Return a schema in which a reference to a list of words is that list."""
    if isinstance(value, list):
        return [_with_lists_in_place(item, named) for item in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    items = cast("dict[str, Any]", value)
    words = named.get(_name(str(items.get("$ref", ""))), {}).get("enum")
    if words is not None:
        kept = {name: item for name, item in items.items() if name != "$ref"}
        return {**kept, "enum": words}
    return {name: _with_lists_in_place(item, named) for name, item in items.items()}


def _fields(model: Schema, named: Mapping[str, Schema]) -> Iterator[tuple[str, ...]]:
    required: Sequence[str] = model.get("required", ())
    fields: Mapping[str, Schema] = model.get("properties", {})
    for name, field in fields.items():
        default = "required" if name in required else _default(field)
        # A field that means just what its model does has no sentence of its own in the schema.
        model_of_it = named.get(_name(field.get("$ref", "")), {})
        means = field.get("description") or model_of_it.get("description", "")
        yield f"`{name}`", _kind(field), default, str(means)
    if isinstance(entries := model.get("additionalProperties"), dict):
        yield "any other", _kind(cast("Schema", entries)), "", "An entry of that name."


def _default(field: Schema) -> str:
    default = field.get("default")
    # A model's own defaults stand in its own section.
    empty = default is None or isinstance(default, dict) or default in ("", [])
    return "" if empty else f"`{json.dumps(default, ensure_ascii=False)}`"


def _kind(field: Schema) -> str:
    """Say in words what a value may be."""
    if "$ref" in field:
        name = _name(field["$ref"])
        return f"[{name}](#{name.lower()})"
    if "const" in field or "enum" in field:
        allowed: list[Any] = field.get("enum") or [field["const"]]
        return " or ".join(f"`{value}`" for value in allowed)
    if "anyOf" in field or "allOf" in field:
        parts: list[Schema] = field.get("anyOf") or field["allOf"]
        return " or ".join(_kind(part) for part in parts)
    if field.get("type") == "array":
        return _list(field.get("items"))
    entries = field.get("additionalProperties")
    if field.get("type") == "object" and isinstance(entries, dict):
        return f"map to {_inner(cast('Schema', entries))}"
    bounds = [text.format(field[bound]) for bound, text in _BOUNDS.items() if bound in field]
    return ", ".join([_KINDS.get(str(field.get("type")), "anything"), *bounds])


def _list(items: Any) -> str:
    if isinstance(items, list):  # of fixed length
        return f"[{', '.join(map(_kind, cast('list[Schema]', items)))}]"
    return f"list of {_inner(items)}" if items is not None else "list"


def _inner(field: Schema) -> str:
    kind = _kind(field)
    return f"({kind})" if " or " in kind else kind


def _referred(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value)
        if "$ref" in items:
            yield _name(items["$ref"])
        for item in items.values():
            yield from _referred(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _referred(item)


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]


def _field_texts(held: type) -> dict[str, str]:
    """Return each field of a dataclass with the sentence below it."""
    (made,) = ast.parse(inspect.cleandoc(inspect.getsource(held))).body
    lines = made.body if isinstance(made, ast.ClassDef) else []
    return {
        line.target.id: str(below.value.value)
        for line, below in pairwise(lines)
        if isinstance(line, ast.AnnAssign)
        and isinstance(line.target, ast.Name)
        and isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
    }


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    cells = ([" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join([_WRITTEN, *(part for part in parts if part)]) + "\n"


if __name__ == "__main__":
    for file, page in PAGES.items():
        (FOLDER / file).write_text(page(), encoding="utf-8")
