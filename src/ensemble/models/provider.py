"""What a model provider is: one async function of one type.

litellm, Ollama, an OpenAI-compatible server, the embedded model, a person at a keyboard and
a test's script are six functions of type `Provider`. None of them retries, falls back or
writes a journal: that is the chain's work, above.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from ensemble.models.messages import plain

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


EMBEDDED: Final = "embedded"
"""The provider of the small model that comes along, and its name as a wish."""
MANUAL: Final = "manual"
"""The provider that is a person, or whatever chat window they paste into."""

_TOO_MANY: Final = 10**9
"""Tokens that no call has."""


def is_embedded(served: str) -> bool:
    """Return whether `served`, of a reply, names the embedded model."""
    return served.startswith(f"{EMBEDDED}/")


def is_by_hand(served: str) -> bool:
    """Return whether `served`, of a reply, names a person behind a file."""
    return served.startswith(f"{MANUAL}/")


class Failure(StrEnum):
    """The class of a failed attempt; the chain's policy hangs on it."""

    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    CONTEXT = "context"
    CONTENT_FILTER = "content_filter"
    TIMEOUT = "timeout"
    TRANSPORT = "transport"
    UNUSABLE = "unusable"
    BROKEN = "broken"
    LOST = "lost"
    CANCELLED = "cancelled"
    CIRCUIT_OPEN = "circuit_open"
    """Not asked at all: it failed too often just before."""
    FORM = "form"
    """It does not answer in the form that it was asked for."""
    FORM_CLOSED = "form_closed"
    """Not asked at all in this form, which it refused before."""


class Form(StrEnum):
    """How a model is asked for an answer of fixed fields, the strongest hold first."""

    SCHEMA = "schema"
    """The provider holds the text of the answer to a JSON schema."""
    TOOL_CALL = "tool_call"
    """The schema is that of the one function that the model has to call."""
    TEXT = "text"
    """Nothing holds it: what it writes is read as Markdown or JSON."""

    @property
    def weaker(self) -> "Form":
        """The next form to try where this one is refused; of the last, itself."""
        return Form.TOOL_CALL if self is Form.SCHEMA else Form.TEXT


class ModelFailure(Exception):
    """One attempt at one model failed; `kind` says how, the text says what was seen."""

    def __init__(
        self,
        kind: Failure,
        text: str,
        *,
        retry_after_s: float | None = None,
        over: int | None = None,
        usage: "Usage | None" = None,
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.over = over
        """By how many tokens it does not fit, where that was counted and it was never sent."""
        self.partial = ""
        """What was heard before it failed; never an answer."""
        self.usage = usage
        """What it used: empty where it may have used any, None where no model worked on it."""


@dataclass(frozen=True)
class Candidate:
    """One model in a seat's resolved chain."""

    asked: str
    """The name as the agent, the scenario or the user wrote it, e.g. `opus`."""
    provider: str
    """A key of the provider table, e.g. `litellm`, `embedded`, or a server of the settings."""
    model: str
    """The model's id at that provider."""
    available: bool
    """Whether it can be asked here and now."""
    reason: str
    """Why it was chosen or passed over."""
    form: Form = Form.TEXT
    """How it is asked for an answer of fixed fields."""
    brief: bool = False
    """Answers are kept short and no tool rounds are offered: a very small model."""
    context: int | None = None
    """Context window in tokens; None where unknown."""
    usd_per_mtok: tuple[float, float] | None = None
    """Price of a million input and output tokens; None where unknown, (0, 0) where free."""
    usd_cached_per_mtok: tuple[float, float] | None = None
    """Price of a million input tokens read from, and written to, a prompt cache; None where they
    cost what any input does."""
    fallback: bool = False
    """Whether it stands in for a model that was wished for."""

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Candidate":
        """Return the candidate that a journal's document describes, an older one's too."""
        told = in_words_of_today(document)
        form = Form(told.pop("form", Form.TEXT))
        for price in ("usd_per_mtok", "usd_cached_per_mtok"):
            told[price] = tuple(told[price]) if told.get(price) else None
        return cls(**told, form=form)


def in_words_of_today(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a candidate's document as it is written now; older ones say `json_schema`."""
    told = dict(document)
    if "json_schema" in told:
        told.setdefault("form", Form.SCHEMA if told.pop("json_schema") is True else Form.TEXT)
    return told


@dataclass(frozen=True)
class Params:
    """Sampling parameters of a call."""

    temperature: float = 0.0
    seed: int | None = 7
    max_tokens: int = 1500


@dataclass(frozen=True)
class ModelCall:
    """What one attempt asks of one model."""

    key: str
    """The call's key in the journal, e.g. `panel[0]/panel_member#0/model#0`."""
    messages: tuple["BaseMessage", ...]
    schema: Mapping[str, Any] | None = None
    """JSON schema of the answer; None for a candidate that is asked for text."""
    brief_schema: Mapping[str, Any] | None = None
    """The same for a candidate that keeps its answers short; None is `schema`."""
    params: Params = Params()
    heard: Callable[[str], None] | None = None
    """Told each piece of text as it arrives, for the display only."""
    shared: int = 0
    """How many messages, from the first, all seats share: a hint for prompt caches."""
    gives_way: tuple[tuple[str, str], ...] = ()
    """Passages, and what stands for each where the prompt does not fit, in this order."""

    @cached_property
    def plain(self) -> list[dict[str, Any]]:
        """The messages as `{"role", "content"}`: what is fingerprinted, and what is sent."""
        return plain(self.messages)


def count(value: Any) -> int | None:
    """Return a count of tokens; None for anything else a server may send in its place."""
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_MANY
    return value if sound else None


@dataclass(frozen=True)
class Usage:
    """Tokens of one call; None where the provider did not say, or said what cannot be."""

    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None
    written_tokens: int | None = None
    """Of the input: those that a prompt cache took in, at a price of their own."""

    def __post_init__(self) -> None:
        """Keep only counts that can be, so that no server can refund or break a book."""
        for one in fields(self):
            object.__setattr__(self, one.name, count(getattr(self, one.name)))
        left = self.input_tokens or 0
        for name in ("cached_tokens", "written_tokens"):  # they are part of the input
            if (told := getattr(self, name)) is not None:
                part = min(told, left)
                left -= part
                object.__setattr__(self, name, part)


@dataclass(frozen=True)
class Reply:
    """What one model answered."""

    text: str
    served: str
    """`provider/model` that really answered."""
    finish: str = "stop"
    """`stop`, or `length` where the answer was cut."""
    usage: Usage = field(default_factory=Usage)


Provider = Callable[[Candidate, ModelCall], Awaitable[Reply]]
"""Ask `candidate.model` once. Raises `ModelFailure`, and nothing else, where that fails."""
