"""The scenario file, as one model: the single source of its documentation and JSON Schema."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ensemble.roles import Authority, Severity

SCHEMA = "ensemble/scenario@1"

_STRICT = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

SLUG = r"^[a-z0-9][a-z0-9_-]{0,62}$"
Slug = Annotated[str, Field(pattern=SLUG)]
SeatName = Annotated[str, Field(pattern=rf"^(START|END)$|{SLUG}")]


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if names.count(name) > 1:
            raise PydanticCustomError("named_twice", "'{name}' stands there twice", {"name": name})
    return names


Positions = Annotated[
    tuple[Slug, ...], AfterValidator(_each_once), Field(json_schema_extra={"uniqueItems": True})
]
"""What seats choose from."""
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class Inputs(BaseModel):
    """What is examined."""

    model_config = _STRICT

    workspace: str | None = None
    """A folder, relative to the scenario file; hashed, and never written to."""
    files: tuple[str, ...] = ()
    """Files of the workspace that every seat is shown in full."""
    facts: dict[str, str | int | float | bool] = {}
    """Further inputs by name."""


class Seated(BaseModel):
    """One agent in a seat, with overrides."""

    model_config = _STRICT

    agent: str
    """The agent's name."""
    mode: str | None = None
    """Its cognitive mode in this seat."""
    tools: str | None = None
    """Its tool mode in this seat."""


class InlineEdge(BaseModel):
    """One way from a seat to the next; the edges out of a seat are tried in order."""

    model_config = _STRICT

    source: Annotated[SeatName, Field(alias="from")]
    """A seat, or `START`."""
    to: SeatName | Annotated[tuple[SeatName, ...], Field(min_length=1)]
    """The next seat, several that go side by side, or `END`."""
    role: str | None = None
    """The ensemble role that the next seat takes; left out for `END` alone."""
    when: str | None = None
    """The edge is taken only where this holds: `split & ~unsure`, `found(HIGH)`, `learned` …"""
    at_most: Annotated[int, Field(ge=1)] | None = None
    """How often it may be taken in one run; a way back needs it."""


class Params(BaseModel):
    """Sampling parameters."""

    model_config = _STRICT

    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    """0 is greedy."""
    seed: Count = 7
    """Of the models that take one, and of every draw of the run."""
    max_tokens: Annotated[int, Field(ge=16, le=64000)] = 1500
    """Of one answer."""


class Models(BaseModel):
    """Who is asked."""

    model_config = _STRICT

    profile: str = "default"
    """A key of each agent's `model_selection.profiles`."""
    chain: tuple[str, ...] = ()
    """Set: every seat uses this chain instead of its own."""
    params: Params = Params()
    """Sampling parameters."""
    cache: bool | None = None
    """Whether what was asked before is answered from kept replies; left out, as in the settings."""


class LabBlock(BaseModel):
    """What is measured."""

    model_config = _STRICT

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where jobs run."""
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Cores that all jobs together may use."""
    before: tuple[dict[str, Any], ...] = ()
    """Measured first, part of what every seat sees; a failed gate is a finding of its own."""
    allow: tuple[str, ...] = ()
    """Lab tools that seats may ask for themselves."""


class DecisionBlock(BaseModel):
    """How a decision is made of the answers."""

    model_config = _STRICT

    rule: Literal["chair", "majority", "weighted", "unanimous"] = "chair"
    """Who decides; a tie is `split`."""
    quorum: Annotated[int, Field(ge=1)] = 1
    """How many voters must have answered; that many different models make it more than advice."""
    on_gate_failed: str | None = None
    """The position that a failed lab gate fixes, whatever the models say."""
    ask_in: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Waves in which a panel is asked, e.g. [3, 2]; a later one only if it matters."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Seat path or agent to the weight of its vote, for `weighted`."""
    allow: tuple[Authority, ...] = (Authority.DECIDED, Authority.ADVISORY)
    """Authorities that end the run with status 0."""


class LimitsBlock(BaseModel):
    """What a run may use."""

    model_config = _STRICT

    wall_s: Seconds = 1800
    """Seconds from start to end."""
    turn_s: Seconds | None = None
    """Seconds that the model calls of one turn may take; a turn that takes longer is lost."""
    usd: Annotated[float, Field(ge=0)] | None = None
    """Money, where prices are known."""
    unpriced: Literal["refuse", "allow"] = "refuse"
    """Whether a model without a known price is asked although `usd` is set."""
    tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens sent and received."""
    model_calls: Annotated[int, Field(ge=1)] = 200
    """Calls to models, failed ones included."""
    lab_s: Seconds | None = None
    """Seconds of lab jobs."""


class RecordingBlock(BaseModel):
    """Where recordings are kept."""

    model_config = _STRICT

    dir: str | None = None
    """A folder, relative to the scenario file: `base/` and one folder per case."""


class TurnsExpected(BaseModel):
    """Which seats took turns."""

    model_config = _STRICT

    match: Literal["strict", "unordered", "subset", "superset"] = "strict"
    """strict: just these in this order; subset: none but these; superset: at least these."""
    order: tuple[str, ...]
    """Seats; members of one seat count once."""


class GateExpected(BaseModel):
    """How a lab gate came out."""

    model_config = _STRICT

    id: str
    """The evidence: an id of `lab.before`, or L1, L2 …"""
    gate: str
    """The gate's name."""
    passed: bool | None
    """true, false, or null for inconclusive."""


class CallExpected(BaseModel):
    """A tool call."""

    model_config = _STRICT

    tool: str
    """The tool's name."""
    args_contain: str | None = None
    """Text that the call's canonical JSON arguments contain."""


class CallsExpected(BaseModel):
    """Which tools were called."""

    model_config = _STRICT

    match: Literal["unordered", "subset", "superset"] = "superset"
    """unordered: just these; subset: none but these; superset: at least these."""
    of: tuple[CallExpected, ...]
    """The calls."""


class FindingsExpected(BaseModel):
    """What was found."""

    model_config = _STRICT

    min: Count = 0
    """At least so many."""
    severity_at_least: Severity = Severity.INFO
    """Counted from this severity up."""
    location_exists: bool = False
    """Whether each counted finding of a seat must name a file of the workspace."""


class TextExpected(BaseModel):
    """What the decision or a finding says."""

    model_config = _STRICT

    contains: str
    """Text, letter case aside, in the decision's result, reasons or findings."""


class UsageExpected(BaseModel):
    """What the run used at most."""

    model_config = _STRICT

    usd_max: Annotated[float, Field(ge=0)] | None = None
    """Money; holds where nothing was priced and nothing was spent."""
    tokens_max: Count | None = None
    """Tokens sent and received."""
    model_calls_max: Count | None = None
    """Calls to models."""


class Expect(BaseModel):
    """What must hold after a run."""

    model_config = _STRICT

    authority: tuple[Authority, ...] | None = None
    """One of these."""
    position: str | None = None
    """Just this one."""
    turns: TurnsExpected | None = None
    """The seats' turns."""
    evidence: tuple[GateExpected, ...] = ()
    """Lab gates."""
    tool_calls: CallsExpected | None = None
    """Calls to tools, the lab's included."""
    never: tuple[CallExpected, ...] = ()
    """Calls that must not have been made."""
    findings: FindingsExpected | None = None
    """What was found."""
    output: tuple[TextExpected, ...] = ()
    """What the decision says."""
    usage: UsageExpected | None = None
    """What was used."""


class Scenario(BaseModel):
    """One task with all that is needed to run, check and replay it."""

    model_config = _STRICT

    schema_: Annotated[Literal["ensemble/scenario@1"], Field(alias="schema")]
    """`ensemble/scenario@1`."""
    name: Slug
    """Of the scenario; lower-case, digits, hyphens."""
    task: Annotated[str, Field(min_length=1)]
    """What is to be decided: data, never a template."""
    choices: Positions = ()
    """Positions a seat may take; left out, they are free text."""
    inputs: Inputs = Inputs()
    """What is examined."""
    graph: str = "review"
    """A topology of `graphs/`, or the path of a `.py` file that holds one."""
    edges: tuple[InlineEdge, ...] = ()
    """A topology of the scenario's own, in place of `graph`; the cast then names every seat."""
    cast: dict[str, str | Seated | tuple[str | Seated, ...]] = {}
    """Seat to agent or agents; a seat not named keeps the topology's own."""
    models: Models = Models()
    """Who is asked."""
    lab: LabBlock = LabBlock()
    """What is measured."""
    decision: DecisionBlock = DecisionBlock()
    """How a decision is made."""
    limits: LimitsBlock = LimitsBlock()
    """What a run may use."""
    recording: RecordingBlock = RecordingBlock()
    """Where recordings are kept."""
    expect: Expect = Expect()
    """What must hold."""
    cases: tuple[dict[str, Any], ...] = ()
    """Other runs of the same scenario: `id`, and whatever differs."""
