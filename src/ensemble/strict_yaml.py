"""YAML as a file that strangers may have written: plain data, with the place of every value.

What is left of YAML is mappings with text keys, lists, text, true, false, null and numbers.
Anchors, aliases, merge keys, tags and duplicate keys are refused, because they make a small file
huge, run code or hide a line; so are dates, sexagesimals and yes/no, which stay the text they
are. Read from the parser's events, so that a file is refused at the first fault, not after it
has been built. Has never heard of agents or scenarios: what the keys mean is for its callers.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from ensemble.errors import InvalidFile

if TYPE_CHECKING:
    from yaml import Event, Mark, ScalarEvent
    from yaml.error import MarkedYAMLError

MAX_LEVELS: Final = 32
MAX_BYTES: Final = 256 * 1024
MAX_VALUES: Final = 20_000

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a document down to a value."""
Place = tuple[int, int]
"""Line and column, both from 1."""


class NotYaml(InvalidFile):
    """The text is no YAML at all; other faults are YAML that is more than plain data."""


@dataclass(frozen=True)
class Document:
    """What a file says, and where it says it."""

    value: Any
    """Mappings, lists, text, numbers, booleans and None."""
    path: str
    """The file, as errors name it."""
    marks: Mapping[Path, Place]
    """Where each value begins."""
    keys: Mapping[Path, Place]
    """Where the key of each value in a mapping begins."""
    texts: Mapping[Path, str]
    """Each scalar as the file writes it: `1.10` where the value is the number 1.1."""

    def where(self, *steps: str | int) -> str:
        """Return `path:line:column` of the value at `steps`, or of its nearest known ancestor."""
        return self._named(self.place(*steps))

    def where_key(self, *steps: str | int) -> str:
        """Return `path:line:column` of the key at `steps`; of the value where it has no key."""
        return self._named(self.key_place(*steps))

    def place(self, *steps: str | int) -> Place:
        """Return where the value at `steps` begins, or its nearest known ancestor."""
        ends = range(len(steps), -1, -1)
        return next(self.marks[steps[:end]] for end in ends if steps[:end] in self.marks)

    def key_place(self, *steps: str | int) -> Place:
        """Return where the key at `steps` begins; the value where it has no key."""
        return self.keys[steps] if steps in self.keys else self.place(*steps)

    def _named(self, place: Place) -> str:
        return f"{self.path}:{place[0]}:{place[1]}"


def within(document: Document, path: Path) -> Document:
    """Return what stands at `path` as a document of its own, with its places."""
    value = document.value
    for step in path:
        value = value[step]
    size = len(path)
    return Document(
        value,
        document.path,
        {known[size:]: at for known, at in document.marks.items() if known[:size] == path},
        {known[size:]: at for known, at in document.keys.items() if known[:size] == path},
        {known[size:]: text for known, text in document.texts.items() if known[:size] == path},
    )


def read_yaml(
    text: str, *, path: str, first_line: int = 1, repeated: list[Path] | None = None
) -> Document:
    """Read one YAML document.

    Args:
        text: the document.
        path: the file's name, for errors.
        first_line: the line of the file at which `text` begins.
        repeated: where given, a key that stands twice is noted here and the later one counts,
            as it does for most programs; left out, it is refused.

    Raises:
        NotYaml: it is no YAML.
        InvalidFile: it uses more of YAML than plain data needs.
    """
    import yaml

    reader = _Reader(path, first_line, repeated)
    plain = reader.admit(text)
    # The C parser where PyYAML was built with it: the same events, far sooner.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    # Its stub leaves the stream and the events untyped.
    parse = cast("Callable[..., Iterator[Event]]", yaml.parse)
    try:
        value = reader.read_document(parse(plain, Loader=loader))
    except yaml.MarkedYAMLError as error:
        reader.refuse_syntax(error)
    return Document(value, path, reader.marks, reader.keys, reader.texts)


@dataclass
class _Reader:
    """Builds the values of one document from its events, and notes their places."""

    path: str
    first_line: int
    repeated: list[Path] | None = None
    marks: dict[Path, Place] = field(default_factory=dict[Path, Place])
    keys: dict[Path, Place] = field(default_factory=dict[Path, Place])
    texts: dict[Path, str] = field(default_factory=dict[Path, str])

    def admit(self, text: str) -> str:
        """Return `text` without its byte order mark; refuse what no parser should see."""
        start = (self.first_line, 1)
        size = len(text.encode(errors="surrogatepass"))
        if size > MAX_BYTES:
            problem = f"{size:,} bytes of YAML are more than the {MAX_BYTES:,} allowed"
            self.refuse(problem, start, fix="move long texts into files of their own")
        plain = text.removeprefix("\N{BYTE ORDER MARK}")
        if found := _UNPRINTABLE.search(plain):
            before = _LINE_END.split(plain[: found.start()])
            place = (self.first_line + len(before) - 1, len(before[-1]) + 1)
            if found[0] == "\t":
                fix = 'indent with spaces; a tab in a text is written "\\t", in double quotes'
                self.refuse("a tab character", place, fix=fix)
            self.refuse(f"a control character, U+{ord(found[0]):04X}", place, fix="delete it")
        return plain

    def read_document(self, events: Iterator["Event"]) -> Any:
        """Return the value of the one document; None where there is none."""
        import yaml

        self.marks[()] = (self.first_line, 1)
        value: Any = None
        documents = 0
        for event in events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            documents += 1
            place = self._place(event)
            if event.tags:
                self.refuse("a %TAG directive", place, fix="delete it; tags are not read")
            if documents > 1:
                fix = "keep one document per file; delete from this --- on"
                self.refuse("a second document", place, fix=fix)
            value = self._read_value(next(events), events, ())
        return value

    def refuse(self, problem: str, place: Place, *, fix: str) -> NoReturn:
        """Raise the fault at `place`."""
        line, column = place
        raise InvalidFile(problem, where=f"{self.path}:{line}:{column}", fix=fix) from None

    def refuse_syntax(self, error: "MarkedYAMLError") -> NoReturn:
        """Raise the parser's own complaint, with the fix that most often mends it."""
        mark = error.problem_mark or error.context_mark
        place = self._place_of(mark) if mark else (self.first_line, 1)
        said = " ".join(part for part in (error.context, error.problem) if part)
        fix = next(
            (fix for part, fix in _SYNTAX_FIXES if part in said),
            "mend the indentation, or put quotes round the text",
        )
        where = f"{self.path}:{place[0]}:{place[1]}"
        raise NotYaml(f"this is not YAML: {said}", where=where, fix=fix) from None

    def _read_value(self, event: "Event", events: Iterator["Event"], path: Path) -> Any:
        """Return the value that begins with `event`, at `path`."""
        import yaml

        self._refuse_indirection(event)
        self.marks[path] = self._place(event)
        if len(self.marks) > MAX_VALUES:
            problem = f"more than {MAX_VALUES:,} values"
            self.refuse(problem, self._place(event), fix="move long lists into files of their own")
        if isinstance(event, yaml.ScalarEvent):
            self.texts[path] = event.value
            return self._resolve(event)
        if len(path) >= MAX_LEVELS:
            problem = f"more than {MAX_LEVELS} levels of nesting"
            self.refuse(problem, self._place(event), fix="nest less deeply")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._read_list(events, path)
        return self._read_mapping(events, path)

    def _read_list(self, events: Iterator["Event"], path: Path) -> list[Any]:
        import yaml

        items: list[Any] = []
        while not isinstance(event := next(events), yaml.SequenceEndEvent):
            items.append(self._read_value(event, events, (*path, len(items))))
        return items

    def _read_mapping(self, events: Iterator["Event"], path: Path) -> dict[str, Any]:
        import yaml

        items: dict[str, Any] = {}
        while not isinstance(event := next(events), yaml.MappingEndEvent):
            key = self._read_key(event)
            place = self._place(event)
            if key in items and self.repeated is not None and len(self.repeated) < _REPEATED:
                self._forget((*path, key))
                self.repeated.append((*path, key))
            elif key in items:
                line = self.keys[*path, key][0]
                fix = "keep one of the two, or rename one"
                self.refuse(f"the key {key!r} stands in line {line} already", place, fix=fix)
            self.keys[*path, key] = place
            items[key] = self._read_value(next(events), events, (*path, key))
        return items

    def _forget(self, path: Path) -> None:
        """Drop the places of a value that a later one replaces."""
        for places in (self.marks, self.keys, self.texts):
            for known in [known for known in places if known[: len(path)] == path]:
                del places[known]

    def _read_key(self, event: "Event") -> str:
        import yaml

        self._refuse_indirection(event)
        place = self._place(event)
        if not isinstance(event, yaml.ScalarEvent):
            fix = "use text as the key; put quotes round a text that begins with { or ["
            self.refuse("a key that is a list or a mapping", place, fix=fix)
        if event.value == "<<" and event.implicit[0]:
            fix = "write the keys out where they are used; in quotes, << is text"
            self.refuse("a merge key", place, fix=fix)
        key = self._resolve(event)
        if not isinstance(key, str):
            kind = _KINDS[type(key)]
            fix = f'put quotes round it: "{event.value}"'
            self.refuse(f"the key {event.value!r} is {kind}, not text", place, fix=fix)
        return key

    def _refuse_indirection(self, event: "Event") -> None:
        """Refuse what makes a value stand for another, or be more than it looks."""
        import yaml

        if isinstance(event, yaml.AliasEvent):
            fix = "write the value out; put quotes round a text that begins with *"
            self.refuse(f"an alias, *{event.anchor}", self._place(event), fix=fix)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if anchor is not None:
            fix = "delete it; put quotes round a text that begins with &"
            self.refuse(f"an anchor, &{anchor}", self._place(event), fix=fix)
        if tag is not None:
            fix = "delete it; put quotes round a text that begins with !"
            self.refuse(f"a tag, {tag}", self._place(event), fix=fix)

    def _resolve(self, event: "ScalarEvent") -> str | float | bool | None:
        """Return what a scalar stands for: only a plain one is ever more than its text."""
        text = event.value
        if found := _CONTROL.search(text):
            problem = f"a text with a control character, U+{ord(found[0]):04X}"
            self.refuse(problem, self._place(event), fix="leave the character out")
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in _NUMERIC:
            return text
        try:
            if _INT.fullmatch(text):
                return int(text)
            if _BASED_INT.fullmatch(text):
                return int(text, 0)
            number = float(text) if _FLOAT.fullmatch(text) else None
        except ValueError:  # Python reads no more than some thousand digits
            number = math.inf
        if _NOT_FINITE.fullmatch(text) or number in (math.inf, -math.inf):
            fix = "use a finite number, or put quotes round a text"
            self.refuse(f"{_shortened(text)} is no finite number", self._place(event), fix=fix)
        return text if number is None else number

    def _place(self, event: "Event") -> Place:
        return self._place_of(event.start_mark)

    def _place_of(self, mark: "Mark") -> Place:
        return (self.first_line + mark.line, mark.column + 1)


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


_SHOWN = 40
_REPEATED = 100
_LINE_END = re.compile(r"\r\n|\r|\n")
_UNPRINTABLE = re.compile(
    "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]"
)
# In a value, from an escape in double quotes: line ends and tabs are text, the rest is not.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_NUMERIC = frozenset("+-.0123456789")
"""What a number begins with."""
_INT = re.compile(r"[-+]?[0-9]+")
_BASED_INT = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.inf|\.nan", re.IGNORECASE)
_KINDS = {type(None): "null", bool: "a boolean", int: "a number", float: "a number"}
_SYNTAX_FIXES = (
    ("scanning an alias", "put quotes round a text that begins with *"),
    ("scanning an anchor", "put quotes round a text that begins with &"),
    ("mapping values are not allowed", "put quotes round a text that holds a colon and a space"),
    ("cannot start any token", "put quotes round a text that begins with @, % or a backtick"),
    ("quoted scalar", "close the quotes"),
    ("flow sequence", "close the [ with ], or put quotes round a text that begins with ["),
    ("flow mapping", "close the { with }, or put quotes round a text that begins with {"),
    ("block mapping", "indent the keys of one mapping alike, or put quotes round the text"),
)
