"""What the lines and the manifest of a run look like, checked once, where they are read.

A sum shows that a line is whole, not that it makes sense: it may come from another program or
another version. What a value means to a graph or a model is theirs to say.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, NonNegativeInt, ValidationError

_Attempt = Annotated[str, Field(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")]
_FailureClass = Literal[
    "rate_limit",
    "overloaded",
    "auth",
    "not_found",
    "bad_request",
    "context",
    "content_filter",
    "timeout",
    "transport",
    "unusable",
    "broken",
    "lost",
    "cancelled",
    "circuit_open",
    "form",
    "form_closed",
]
_MAPPINGS: Final = ("run_started", "resolved", "lab_returned", "turn_ended", "decided", "run_ended")


class Head(BaseModel):
    """What every event begins with."""

    model_config = ConfigDict(strict=True)

    event: str
    key: str
    seq: NonNegativeInt
    at: FiniteFloat
    run: str


class _Body(BaseModel):
    """The fields that the journal itself, its digest or a sum over its calls reads."""

    model_config = ConfigDict(strict=True)

    attempt: _Attempt | Annotated[int, Field(ge=0, lt=10**9)] = 1
    print: str | None = None
    request: dict[str, Any] | None = None
    reserved: dict[str, Any] | None = None
    served: str | None = None
    usage: dict[str, FiniteFloat | None] | None = None
    seconds: FiniteFloat | None = None
    retry_after_s: FiniteFloat | None = None
    asked_by: list[str] | None = None


class _Failed(BaseModel):
    kind: _FailureClass | None = Field(default=None, alias="class")


class _Held(BaseModel):
    name: str
    held: bool
    saw: Any


class Manifest(BaseModel):
    """The manifest of a run or a recording; what else stands in it is kept."""

    model_config = ConfigDict(strict=True, extra="allow")

    format: str = ""
    run: str = ""
    scenario: str = ""
    case: str | None = None
    chain: list[str] = []
    cache: bool | None = None
    agents: dict[str, str] = {}
    versions: dict[str, str] = {}
    status: str = ""
    digest: str = ""
    authority: str = ""
    served: list[str] = []
    written_by: str = ""
    events: NonNegativeInt = 0
    expectations: list[_Held] = []
    trusted: bool = False


def check_body(event: str, body: Mapping[str, Any]) -> None:
    """Check what an event holds beside its head.

    Raises:
        ValueError: naming the field that does not fit.
    """
    _Body.model_validate(dict(body))
    if event == "model_failed":
        _Failed.model_validate(dict(body))
    if event in _MAPPINGS and not _is_filled(body.get("value")):
        raise ValueError(f"value: `{event}` holds a mapping that is not empty")


def what_is_wrong(error: Exception) -> str:
    """Return the first fault that was found, with the field that it stands in."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]


def _is_filled(value: Any) -> bool:
    return isinstance(value, dict) and bool(cast("dict[str, Any]", value))
