"""One agent file, from its bytes to a reading: fields that fit, a body in parts, repairs."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from ensemble.agents.cache import Cache, key_of
from ensemble.agents.conversion import Converted, Fate
from ensemble.agents.dialects import CLAUDE_CODE, ENSEMBLE, convert, dialect_of
from ensemble.agents.fields import as_written, with_choices, with_name
from ensemble.agents.markdown import Body, Heading, Instruction, read_body
from ensemble.agents.reading import AgentFault, Source, decode, read_source, read_toml
from ensemble.agents.repairs import Repair, repair
from ensemble.agents.spec import AgentSpec
from ensemble.errors import Faults
from ensemble.strict_yaml import Document, within

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


Place = tuple[()] | tuple[int]
"""Where a file holds an agent: at its top, or in a list."""


@dataclass(frozen=True)
class Reading:
    """What one agent file says."""

    spec: AgentSpec
    body: Body
    path: str
    sha256: str
    text: str
    dialect: str
    repairs: tuple[Repair, ...]
    body_line: int
    document: Document | None
    """None where the reading was kept; it is read again where a place is asked for."""
    fates: tuple[Fate, ...] = ()
    """What became of each field of a foreign file."""
    prose: str = ""
    """The body's text; empty where the reading was kept."""


def read_file(path: Path, kept: Cache | None = None) -> list[Reading]:
    """Read one agent file; a list of remote agents is several.

    Args:
        path: the file.
        kept: readings of unchanged files.

    Raises:
        AgentFault: it cannot be read.
        Faults: several fields do not fit.
    """
    where = str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise AgentFault(
            f"cannot be read: {error.strerror}",
            where=where,
            fix="name an agent file that exists",
            code="E001",
        ) from error
    digest = hashlib.sha256(raw).hexdigest()
    text, coded = decode(raw, where)
    key = key_of(digest, path.name, path.parent.name) if kept is not None else ""
    found = kept.get(key) if kept is not None else None
    if found is not None and (reading := _kept(found, where, digest, text)) is not None:
        return [reading]
    source = read_toml(text, where) if path.suffix == ".toml" else read_source(text, where)
    remote = isinstance(source.document.value, list)
    readings = [
        _reading(given, source, (number,) if remote else (), coded, where, digest, text)
        for number, given in enumerate(_given(source))
    ]
    if kept is not None and len(readings) == 1:
        kept.put(key, _entry(readings[0]))
    return readings


def reread(text: str, path: str) -> Document:
    """Return the frontmatter of a file's text with its places."""
    return (read_toml if path.endswith(".toml") else read_source)(text, path).document


def _given(source: Source) -> list[dict[str, Any]]:
    value: Any = source.document.value
    remote = isinstance(value, list)
    agents: list[Any] = cast("list[Any]", value) if remote and value else [value]
    for number, agent in enumerate(agents):
        given = cast("dict[str, Any]", agent) if isinstance(agent, dict) else {}
        named = "name" in given or "description" in given
        if not named or (remote and not {"agent_card_url", "agent_card_json"} & set(given)):
            raise AgentFault(
                "the frontmatter is no agent: it has neither `name` nor `description`"
                if isinstance(agent, dict)
                else "the frontmatter is no mapping",
                where=source.document.where(*([number] if remote else [])),
                fix="write `name: …` and `description: …` lines",
                code="E007",
            )
    return agents


def _reading(
    given: dict[str, Any],
    source: Source,
    place: Place,
    coded: Sequence[Repair],
    path: str,
    digest: str,
    text: str,
) -> Reading:
    document = source.document
    dialect = dialect_of(given, path, source.body)
    if place:
        document = within(document, place)
    given, written = as_written(document, given)
    given, chosen = with_choices(document, given)
    made = convert(dialect, given)
    named = with_name(document, made, path, required=dialect in (ENSEMBLE, CLAUDE_CODE))
    if dialect == "gemini" and made.body is not None:
        named.append(repair("R16", document.marks[()][0], str(made.given["name"])))
    body = source.body if made.body is None else f"{made.body}\n\n{source.body}".strip()
    return Reading(
        spec=_validated(made, document),
        body=read_body(body),
        path=path,
        sha256=digest,
        text=text,
        dialect=dialect,
        repairs=(*coded, *source.repairs, *written, *chosen, *named),
        body_line=source.body_line,
        document=source.document,
        fates=tuple(made.fates),
        prose=body,
    )


def _validated(made: Converted, document: Document) -> AgentSpec:
    try:
        return AgentSpec.model_validate(made.given)
    except ValidationError as error:
        faults = [_misfit(item, document) for item in error.errors(include_url=False)]
        raise faults[0] if len(faults) == 1 else Faults(faults) from None


def _misfit(item: "ErrorDetails", document: Document) -> AgentFault:
    """Return the fault of a field, at the value as the file writes it."""
    steps = [step for n, step in enumerate(item["loc"]) if n != 1 or step not in ("modes", "roles")]
    return AgentFault(
        f"{'.'.join(map(str, steps))}: {item['msg']}",
        where=document.where(*steps),
        fix=f"mend the field; it holds {str(item['input'])[:60]!r}",
        code="E008",
    )


def _entry(reading: Reading) -> dict[str, Any]:
    return {
        "spec": reading.spec.model_dump(mode="json", exclude_unset=True),
        "body": vars(reading.body),
        "dialect": reading.dialect,
        "repairs": [asdict(item) for item in reading.repairs],
        "body_line": reading.body_line,
    }


def _kept(found: dict[str, Any], path: str, digest: str, text: str) -> Reading | None:
    """Return a kept reading, or None where the entry is none."""
    try:
        return Reading(
            spec=AgentSpec.model_validate(found["spec"]),
            body=_body(found["body"]),
            path=path,
            sha256=digest,
            text=text,
            dialect=str(found["dialect"]),
            repairs=tuple(Repair(**item) for item in found["repairs"]),
            body_line=int(found["body_line"]),
            document=None,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _body(found: dict[str, Any]) -> Body:
    """Return a body from its JSON, lists as the tuples that they were."""
    plain: dict[str, Any] = {
        key: tuple(cast("list[Any]", item)) if isinstance(item, list) else item
        for key, item in found.items()
    }
    plain["instructions"] = tuple(Instruction(*item) for item in found["instructions"])
    plain["headings"] = tuple(Heading(*item) for item in found["headings"])
    plain["specialisations"] = {name: tuple(i) for name, i in found["specialisations"].items()}
    return Body(**plain)
