"""Specs of the tools that time the machine."""

from typing import Annotated, Literal

from pydantic import Field

from ensemble.lab.job_spec import JobSpec


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
