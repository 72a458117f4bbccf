"""What the spec of every lab tool has: device, threads, seed, limits, cache mode and gates."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from ensemble.errors import closest

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
