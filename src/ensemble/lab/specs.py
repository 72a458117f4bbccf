"""What can be asked of the lab: one frozen spec per tool, read from YAML or from a model.

A spec is data. It never carries code, and nothing here has heard of torch, of processes or
of where answers are kept. A further tool is one spec class here, in `TOOLS`, and one
function in the worker's table.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ensemble.canonical import fingerprint
from ensemble.errors import InvalidFile, closest, raise_all

DIGITS = "digits"

Share = Annotated[float, Field(ge=0, le=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Dataset = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        pattern=r"^(digits|[^/\\~\x00-\x1f:][^\\\x00-\x1f:]*\.(npz|csv))$",
    ),
]
"""`digits`, or an .npz or .csv file of the workspace, by its path inside it."""


class Limits(BaseModel):
    """What a job may use before it is ended."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    wall_s: float = Field(default=120, ge=1, le=3600)
    """Seconds from the start of the job's process to its end."""
    memory_mib: int = Field(default=4096, ge=256, le=262144)
    """Memory for data, beyond what loading the libraries takes."""


class JobSpec(BaseModel):
    """What every spec has."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False
    )

    method_version: ClassVar[str] = "1"
    """Raised when the tool measures in another way, so that older answers are not reused."""
    metrics: ClassVar[tuple[str, ...]] = ()
    """The names that `gate` may use."""
    at_most: ClassVar[frozenset[str]] = frozenset()
    """The metrics of which less is better."""
    exclusive: ClassVar[bool] = False
    """Whether no other job may run beside it."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where it runs; `auto` takes an accelerator where there is one and says so."""
    threads: int = Field(default=1, ge=1, le=64)
    """CPU threads. Sums differ between thread counts, so this belongs to the answer's key."""
    seed: Seed = 0
    """Root of every random draw of the job."""
    limits: Limits = Limits()
    """What the job may use."""
    cache: Literal["use", "refresh", "off"] = "use"
    """`use` an earlier answer; `refresh` measures again beside it; `off` keeps nothing."""
    gate: dict[str, float] = Field(default={}, max_length=16)
    """Metric to threshold: passed from the threshold up, or down to it where less is better."""

    @model_validator(mode="after")
    def _gates_are_metrics(self) -> "JobSpec":
        for name in self.gate:
            if name not in self.metrics:
                raise PydanticCustomError(
                    "unknown_metric",
                    "gate.{name}: no metric of this tool; {fix}",
                    {"name": name, "fix": closest(name, self.metrics, kind="metric")},
                )
        return self


class CheckData(JobSpec):
    """Look for leaks between splits, imbalance and missing values."""

    method_version = "2"
    metrics = (
        "duplicates_across_splits",
        "near_duplicates_across_splits",
        "missing_values",
        "label_balance",
        "leak",
    )
    at_most = frozenset(metrics) - {"label_balance"}

    tool: Literal["check_data"] = "check_data"
    """The tool\'s name."""
    dataset: Dataset
    """`digits`, or an .npz or .csv file of the workspace."""
    label: str | None = Field(default=None, min_length=1, max_length=100)
    """The label column of a .csv file; the last one where not named."""
    split_seed: Seed = 0
    """Draws the split of data that comes in one piece."""


class Train(JobSpec):
    """Fit a small classifier; stops early on validation and never reads a test row."""

    metrics = ("val_accuracy", "train_accuracy")

    tool: Literal["train"] = "train"
    """The tool\'s name."""
    dataset: Dataset
    """`digits`, or an .npz or .csv file of the workspace."""
    label: str | None = Field(default=None, min_length=1, max_length=100)
    """The label column of a .csv file; the last one where not named."""
    split_seed: Seed = 0
    """Draws the split of data that comes in one piece."""
    arch: Literal["mlp", "cnn"] = "mlp"
    """`cnn` needs a square number of features."""
    hidden: int = Field(default=64, ge=4, le=1024)
    """Width of the hidden layer."""
    dropout: float = Field(default=0.0, ge=0, le=0.9)
    """Share of hidden units left out in training."""
    epochs: int = Field(default=30, ge=1, le=1000)
    """Most passes over the training rows."""
    batch: int = Field(default=32, ge=1, le=8192)
    """Rows of one forward pass."""
    accum: int = Field(default=1, ge=1, le=64)
    """Forward passes of one optimiser step."""
    lr: float = Field(default=3e-3, gt=0, le=1)
    """Learning rate of AdamW at the start."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Weight decay of AdamW."""
    schedule: Literal["none", "cosine", "step"] = "cosine"
    """How the learning rate falls: not, along a half cosine, or to a tenth twice."""
    clip_norm: float | None = Field(default=1.0, gt=0, le=1000)
    """Largest gradient norm; null does not clip."""
    patience: int = Field(default=10, ge=1, le=1000)
    """Epochs without a better validation loss before training stops."""
    drop_duplicates: bool = True
    """The split guard: training rows that equal a validation or test row are left out."""


class Evaluate(JobSpec):
    """Score a trained model on a split, with an interval."""

    metrics = ("test_accuracy", "val_accuracy", "macro_f1")

    tool: Literal["evaluate"] = "evaluate"
    """The tool\'s name."""
    of: str = Field(min_length=1, max_length=100)
    """The result of `train` to score: its id in the scenario, or an evidence id."""
    split: Literal["val", "test"] = "test"
    """The rows to score on."""
    claim: Share | None = None
    """An accuracy somebody states: holds where it is not above the interval."""

    @model_validator(mode="after")
    def _gate_fits_split(self) -> "Evaluate":
        other = "val_accuracy" if self.split == "test" else "test_accuracy"
        if other in self.gate:
            raise PydanticCustomError(
                "other_split",
                "gate.{name}: not measured on the {split} split; name {split}_accuracy",
                {"name": other, "split": self.split},
            )
        return self


class Benchmark(JobSpec):
    """Time a kernel on the machine as it is, against a ceiling measured there."""

    metrics = ("gflops", "fraction")
    exclusive = True

    tool: Literal["benchmark"] = "benchmark"
    """The tool\'s name."""
    kind: Literal["matmul"] = "matmul"
    """What is timed."""
    sizes: tuple[Annotated[int, Field(ge=16, le=16384)], ...] = Field(
        default=(256, 512), min_length=1, max_length=6
    )
    """Side of the square matrices, one row of the answer each."""
    dtypes: tuple[Literal["float32", "float64", "bfloat16", "float16"], ...] = Field(
        default=("float32",), min_length=1, max_length=4
    )
    """Number formats; one without hardware support is flagged `emulated`."""
    seconds: float = Field(default=1.0, ge=0.1, le=60)
    """Time to sample for, per size and dtype."""


Spec = CheckData | Train | Evaluate | Benchmark

TOOLS: Mapping[str, type[Spec]] = {
    "check_data": CheckData,
    "train": Train,
    "evaluate": Evaluate,
    "benchmark": Benchmark,
}


def read_spec(raw: Mapping[str, Any], *, where: str) -> Spec:
    """Return the spec that `raw` describes; its `tool` says which.

    Raises:
        InvalidFile: a field is unknown, missing or out of range (`Faults` for several).
    """
    name = raw.get("tool")
    tool = TOOLS.get(name) if isinstance(name, str) else None
    if tool is None:
        raise InvalidFile(
            f"tool: the lab has no tool {name!r}", where=where, fix=closest(str(name), TOOLS)
        )
    try:
        return tool.model_validate(dict(raw))
    except ValidationError as error:
        raise_all([_fault(details, tool, where) for details in error.errors()])
        raise


def from_seat(raw: Mapping[str, Any], *, where: str) -> Spec:
    """Return the spec that a seat asks for, with gates, limits and cache mode left out.

    A seat says what is measured; what passes and what a job may use is not for it to say.

    Raises:
        InvalidFile: a field is unknown, missing or out of range (`Faults` for several).
    """
    return read_spec({k: v for k, v in raw.items() if k not in _NOT_A_SEATS}, where=where)


def spec_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON schema of each tool's spec."""
    return {name: tool.model_json_schema() for name, tool in TOOLS.items()}


def spec_hash(spec: Spec) -> str:
    """Return 16 hex digits that equal specs share, on any machine.

    Limits and cache mode are left out: they do not change what is measured. `of` counts as
    it is written.
    """
    return fingerprint(asked(spec)).removeprefix("sha256:")[:16]


def asked(spec: Spec) -> dict[str, Any]:
    """Return what the spec asks for as plain data, without limits and cache mode."""
    return spec.model_dump(mode="json", exclude={"limits", "cache"})


_NOT_A_SEATS = frozenset({"gate", "limits", "cache"})


def _fault(details: ErrorDetails, tool: type[JobSpec], where: str) -> InvalidFile:
    field = ".".join(str(step) for step in details["loc"])
    problem = f"{field}: {details['msg']}" if field else details["msg"]
    return InvalidFile(problem, where=where, fix=_fix(details, field, tool))


def _fix(details: ErrorDetails, field: str, tool: type[JobSpec]) -> str:
    context = details.get("ctx", {})
    if "fix" in context:
        return str(context["fix"])
    match details["type"]:
        case "extra_forbidden":
            return closest(field, tool.model_fields, kind="field")
        case "missing":
            known = tool.model_fields.get(field)
            return f"add `{field}`: {known.description if known else 'it is required'}"
        case "string_pattern_mismatch":
            return "name `digits`, or an .npz or .csv file by its path inside the workspace"
        case "literal_error":
            return f"use one of: {context.get('expected', '')}"
        case _:
            named = tool.model_fields.get(field.split(".", maxsplit=1)[0])
            about = f" ({named.description})" if named and named.description else ""
            return f"change `{field or 'gate'}` so that it fits{about}"


def form_of(tool: str) -> str:
    """Return one line that says what a seat may put into the tool's spec."""
    fields = [
        name if field.is_required() else f"{name}={field.default!r}"
        for name, field in TOOLS[tool].model_fields.items()
        if name not in {*_NOT_A_SEATS, "tool", "device", "threads"}
    ]
    return f"{tool}: {', '.join(fields)}"
