"""One agent file, from its bytes to an agent: fields that fit, a body in parts, repairs."""

import hashlib
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from pydantic import ValidationError

from ensemble.agents.cache import Cache, key_of
from ensemble.agents.conversion import Converted, Fate
from ensemble.agents.dialects import CLAUDE_CODE, ENSEMBLE, convert, dialect_of
from ensemble.agents.fields import as_written, with_choices, with_name
from ensemble.agents.frontmatter import AgentFault, Source, decode, read_source, read_toml
from ensemble.agents.keys import AGENT_MARKS
from ensemble.agents.markdown import Body, Instruction, read_body
from ensemble.agents.repairs import Repair, repair
from ensemble.agents.spec import AgentSpec
from ensemble.errors import Faults
from ensemble.roles import HUMAN
from ensemble.strict_yaml import Document, within

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


_FORMS: Final = {
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type"), "a map, `key: value`,"),
    "string_type": "a text",
    **dict.fromkeys(("bool_parsing", "bool_type"), "true or false"),
    **dict.fromkeys(("float_parsing", "float_type"), "a number"),
    **dict.fromkeys(("tuple_type", "list_type"), "a list"),
    "less_than_equal": "a number of at most {le:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "literal_error": "{expected}",
}
"""What does not fit, as pydantic calls it, to what does."""
Place = tuple[()] | tuple[int]
"""Where a file holds an agent: at its top, or in a list."""


@dataclass(frozen=True)
class Agent:
    """One definition file, or one entry of a file that lists several."""

    spec: AgentSpec
    body: Body
    path: str
    sha256: str
    """Hex SHA-256 of the file's bytes."""
    text: str = field(default="", repr=False)
    """The file as its author wrote it."""
    dialect: str = ENSEMBLE
    """The form that its frontmatter was recognised as."""
    repairs: tuple[Repair, ...] = ()
    """What had to be mended to read it."""
    body_line: int = 1
    """The line of the file at which the body begins."""
    fates: tuple[Fate, ...] = ()
    """What became of each field of a foreign file."""
    place: Place = ()
    """Where the file holds it."""

    @cached_property
    def document(self) -> Document:
        """The frontmatter with the place of every value; lines count from the file's top."""
        return within(_source(self.text, self.path).document, self.place)

    @property
    def prose(self) -> str:
        """The body's text, below what the frontmatter holds in place of one."""
        own = convert(self.dialect, self.document.value).body
        return _joined(own, _source(self.text, self.path).body)

    @cached_property
    def mcp_servers(self) -> dict[str, Any]:
        """The servers that frontmatter and body describe; the frontmatter's word counts."""
        return {**self.body.mcp_servers, **self.spec.mcp_servers}

    @property
    def name(self) -> str:
        """The agent's name."""
        return self.spec.name

    @property
    def is_person(self) -> bool:
        """Whether no model is asked for it, but a person."""
        return self.dialect == HUMAN


def read_file(path: Path, kept: Cache | None = None) -> list[Agent]:
    """Read one agent file; a list of remote agents is several.

    Args:
        path: the file.
        kept: readings of unchanged files.

    Raises:
        AgentFault: it cannot be read.
        Faults: several fields do not fit.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise AgentFault(
            f"cannot be read: {error.strerror}",
            where=str(path),
            fix="name an agent file that exists",
            code="E001",
        ) from error
    if kept is None:
        return read_agents(raw, str(path))
    file = _decoded(raw, str(path))
    key = key_of(file.sha256, path.name, path.parent.name)
    found = kept.get(key)
    if found is not None and (agent := _kept(found, file)) is not None:
        return [agent]
    agents = _agents(file)
    if len(agents) == 1:
        kept.put(key, _entry(agents[0]))
    return agents


def read_agents(raw: bytes, path: str) -> list[Agent]:
    """Read the agents in a file's bytes.

    Raises:
        AgentFault: they cannot be read.
        Faults: several fields do not fit.
    """
    return _agents(_decoded(raw, path))


class _File(NamedTuple):
    path: str
    sha256: str
    text: str
    repairs: tuple[Repair, ...]


def _decoded(raw: bytes, path: str) -> _File:
    digest = hashlib.sha256(raw).hexdigest()
    return _File(path, digest, *decode(raw, path))


def _source(text: str, path: str) -> Source:
    return (read_toml if path.endswith(".toml") else read_source)(text, path)


def _agents(file: _File) -> list[Agent]:
    source = _source(file.text, file.path)
    remote = isinstance(source.document.value, list)
    places: list[Place] = [(n,) for n in range(len(source.document.value))] if remote else [()]
    return [_agent(file, source, place) for place in places or [()]]


def _agent(file: _File, source: Source, place: Place) -> Agent:
    document = within(source.document, place) if place else source.document
    given = _given(document, listed=bool(place))
    dialect = dialect_of(given, file.path, source.body)
    given, written = as_written(document, given)
    given, chosen = with_choices(document, given)
    made = convert(dialect, given)
    named = with_name(document, made, file.path, required=dialect in (ENSEMBLE, CLAUDE_CODE))
    if dialect == "gemini" and made.body is not None:
        named.append(repair("R16", document.marks[()][0], str(made.given["name"])))
    agent = Agent(
        spec=_validated(made, document),
        body=read_body(_joined(made.body, source.body)),
        path=file.path,
        sha256=file.sha256,
        text=file.text,
        dialect=dialect,
        repairs=(*file.repairs, *source.repairs, *written, *chosen, *named),
        body_line=source.body_line,
        fates=tuple(made.fates),
        place=place,
    )
    agent.__dict__["document"] = document
    return agent


def _given(document: Document, *, listed: bool) -> dict[str, Any]:
    """Return the fields of an agent.

    Raises:
        AgentFault: they are no agent's.
    """
    value: Any = document.value
    given = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    if AGENT_MARKS & set(given) and not (
        listed and not {"agent_card_url", "agent_card_json"} & set(given)
    ):
        return given
    raise AgentFault(
        "the frontmatter is no agent: it has neither `name`, `description` nor an agent's keys"
        if isinstance(value, dict)
        else "the frontmatter is no mapping",
        where=document.where(),
        fix="write `name: …` and `description: …` lines",
        code="E007",
    )


def _joined(own: str | None, body: str) -> str:
    return body if own is None else f"{own}\n\n{body}".strip()


def _validated(made: Converted, document: Document) -> AgentSpec:
    try:
        return AgentSpec.model_validate(made.given)
    except ValidationError as error:
        faults = [_misfit(item, document) for item in error.errors(include_url=False)]
        raise faults[0] if len(faults) == 1 else Faults(faults) from None


def _misfit(item: "ErrorDetails", document: Document) -> AgentFault:
    """Return the fault of a field, at the value as the file writes it."""
    steps = [step for n, step in enumerate(item["loc"]) if n != 1 or step not in ("modes", "roles")]
    words = item.get("ctx", {})
    form = _FORMS.get(item["type"], "").format(**words)
    said = f"{form} is expected" if form else item["msg"].removeprefix("Value error, ")
    return AgentFault(
        f"{'.'.join(map(str, steps))}: {said}",
        where=document.where(*steps),
        fix=f"write {form or 'another value'} in place of {str(item['input'])[:60]!r}",
        code="E008",
    )


def _entry(agent: Agent) -> dict[str, Any]:
    return {
        "spec": agent.spec.model_dump(mode="json", exclude_unset=True),
        "body": vars(agent.body),
        "dialect": agent.dialect,
        "repairs": [asdict(item) for item in agent.repairs],
        "body_line": agent.body_line,
        "fates": [asdict(fate) for fate in agent.fates],
        "place": agent.place,
    }


def _kept(found: dict[str, Any], file: _File) -> Agent | None:
    """Return a kept agent, or None where the entry is none."""
    try:
        return Agent(
            spec=AgentSpec.model_validate(found["spec"]),
            body=_body(found["body"]),
            path=file.path,
            sha256=file.sha256,
            text=file.text,
            dialect=str(found["dialect"]),
            repairs=tuple(Repair(**item) for item in found["repairs"]),
            body_line=int(found["body_line"]),
            fates=tuple(Fate(**item) for item in found["fates"]),
            place=cast("Place", tuple(found["place"])),
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
    plain["specialisations"] = {name: tuple(i) for name, i in found["specialisations"].items()}
    return Body(**plain)
