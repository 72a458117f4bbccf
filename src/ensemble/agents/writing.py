"""Agent files written: what the author's file had is kept, comments and unknown keys too.

A file that needed no repair and no change is written as it stands, byte for byte. A mended
one is written as it was read: UTF-8, plain line ends, strict YAML.
"""

import re
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, Final, Self, cast

from ensemble.agents.frontmatter import read_source
from ensemble.errors import CannotWrite
from ensemble.strict_yaml import Document, Path

if TYPE_CHECKING:
    from ruamel.yaml import YAML

GONE: Final = object()
"""As the new value of a field: take the field out."""
_ITEM_BELOW: Final = re.compile(r"^( *)[^\s#-][^\n]*:[ ]*(?:#[^\n]*)?\n( *)- ", re.MULTILINE)
_KEY_BELOW: Final = re.compile(r"^( *)[^\s#-][^\n]*:[ ]*\n( +)[^\s#-]", re.MULTILINE)
_PLAIN: Final = ("int", "float", "bool", "timestamp")


def rewritten(text: str, path: str, changes: Mapping[Path, Any] | None = None) -> str:
    """Return an agent file's text, mended and changed, with its comments.

    Args:
        text: the file as it stands.
        path: its name, for errors.
        changes: where a value stands, to the new value; `GONE` takes it out.

    Raises:
        AgentFault: the text is no agent file.
    """
    source = read_source(text, path)
    if not source.repairs and not changes:
        return text
    yaml = _round_trip(source.head)
    loaded: Any = cast("Callable[[str], Any]", yaml.load)(source.head)
    for step in source.repeated:
        _set(loaded, step, _at(source.document.value, step))
    for step, value in (changes or {}).items():
        _set(loaded, step, value)
    return _file(_dumped(yaml, loaded), source.body)


def written_out(text: str, path: str) -> str:
    """Return an agent file's text as it was read: its repairs made, all else as it stands.

    Raises:
        AgentFault: the text is no agent file.
    """
    source = read_source(text, path)
    return _file(source.head, source.body)


def plain(document: Document, place: Path) -> Any:
    """Return the value at a place, to be written with its numbers as they stand: `1.10`."""
    value = _at(document.value, place)
    if isinstance(value, dict):
        return {key: plain(document, (*place, key)) for key in cast("dict[str, Any]", value)}
    if isinstance(value, list):
        return [plain(document, (*place, n)) for n in range(len(cast("list[Any]", value)))]
    text = document.texts.get(place)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (
        value
        if text is None or not number
        else _AsWritten(text, f"tag:yaml.org,2002:{type(value).__name__}")
    )


def dumped(given: Mapping[str, Any], body: str = "") -> str:
    """Return a new agent file: its fields in order, and the Markdown below them."""
    return _file(_dumped(_round_trip(""), dict(given)) if given else "", body)


def write_text(place: FilePath, text: str) -> None:
    """Write a file, through a link to what it names; a reader never sees half of one.

    Raises:
        CannotWrite: the folder or the file cannot be written.
    """
    target = place.resolve()
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8", newline="\n")
        if target.exists():
            part.chmod(target.stat().st_mode & 0o777)
        part.replace(target)
    except OSError as error:
        fix = "make it writable, or choose another place"
        problem = f"cannot be written: {error.strerror}"
        raise CannotWrite(problem, where=str(place), fix=fix) from error


def _file(head: str, body: str) -> str:
    return f"---\n{head.rstrip(chr(10))}\n---\n{body}"


def _round_trip(head: str) -> "YAML":
    """Return a YAML that keeps comments, quotes and the indentation of `head`."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.allow_duplicate_keys = True
    yaml.width = 1 << 20
    offset = _step(_ITEM_BELOW.search(head))
    yaml.indent(mapping=_step(_KEY_BELOW.search(head)) or 2, sequence=offset + 2, offset=offset)
    _keep_plain(yaml)
    return yaml


def _step(found: "re.Match[str] | None") -> int:
    """Return how far a line stands to the right of the one above; 2 where there is none."""
    return max(0, len(found[2]) - len(found[1])) if found else 2


class _AsWritten(str):
    """A plain scalar that stays what it is: `1.10`, `0x1F`, a date."""

    __slots__ = ("kind",)

    def __new__(cls, text: str, kind: str) -> Self:
        made = super().__new__(cls, text)
        made.kind = kind
        return made


def _keep_plain(yaml: "YAML") -> None:
    """Read numbers, dates and switches as their text, and write that text plainly."""
    from ruamel.yaml.constructor import RoundTripConstructor
    from ruamel.yaml.representer import RoundTripRepresenter

    def construct(_: Any, node: Any) -> _AsWritten:
        return _AsWritten(node.value, str(node.tag))

    def represent(representer: Any, value: _AsWritten) -> Any:
        return representer.represent_scalar(value.kind, str(value))

    def represent_text(representer: Any, value: str) -> Any:
        # One line however long, so that no line of a text can look like a fence.
        style = '"' if "\n" in value else None
        return representer.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    class Constructor(RoundTripConstructor):
        """As ruamel's own, but for plain scalars."""

    class Representer(RoundTripRepresenter):
        """As ruamel's own, but for plain scalars and texts of several lines."""

    add = cast("Callable[[str, Any], None]", Constructor.add_constructor)
    for kind in _PLAIN:
        add(f"tag:yaml.org,2002:{kind}", construct)
    show = cast("Callable[[type, Any], None]", Representer.add_representer)
    show(_AsWritten, represent)
    show(str, represent_text)
    yaml.Constructor = Constructor
    yaml.Representer = Representer


def _dumped(yaml: "YAML", value: Any) -> str:
    out = StringIO()
    cast("Callable[[Any, StringIO], None]", yaml.dump)(value, out)
    return out.getvalue()


def _at(value: Any, step: Path) -> Any:
    for key in step:
        value = value[key]
    return value


def _set(value: Any, step: Path, new: Any) -> None:
    """Put a value in its place; maps on the way are made where they are missing."""
    *way, last = step
    at: Any = value
    for key in way:
        if isinstance(at, dict):
            cast("dict[Any, Any]", at).setdefault(key, {})
        at = cast("Any", at)[key]
    if new is not GONE:
        at[last] = new
    elif isinstance(at, dict):
        cast("dict[Any, Any]", at).pop(last, None)
    else:
        del at[last]
