"""Benchmark: time matrix products on the machine as it is, against its measured ceiling.

The first call is never a sample, outputs are allocated before the clock starts, inputs are
seeded noise, and a share above the ceiling fails the job: then the method is wrong.
"""

# pyright: reportUnknownMemberType=false
# torch leaves parameters of its own functions without a type.

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ensemble.lab.timing_specs import Benchmark
from ensemble.lab.worker.ceiling import Ceiling, measured_ceiling
from ensemble.lab.worker.contract import Assignment, Measured, Unfit
from ensemble.lab.worker.networks import be_deterministic

_SHORTEST_S = 0.0005
_TIMER_SHARE = 200
_WINDOW = 5
_AGREE = 0.02
_SLOW = 10
_PROBE = 256
_CAP_S = 0.2
_LEAST_CPU = 0.9
_APART = 1.5
_TOLERANCE = {"float64": 1e-10, "float32": 1e-4, "float16": 5e-2, "bfloat16": 1e-1}

Load = Callable[[], float]


@dataclass(frozen=True)
class Timing:
    """Samples of one operation, in seconds per call."""

    samples: tuple[float, ...]
    cold_s: float
    """The first call, which is no sample."""
    warm: bool
    """Whether two windows agreed before sampling began."""
    calls: int
    """Calls in one sample."""
    cpu_per_wall: float
    """Processor time this process got while it sampled, over the time that went by."""


def system_load() -> float:
    """Return how many processes wanted to run, over the last minute."""
    return os.getloadavg()[0]


def benchmark(job: Assignment[Benchmark], *, load: Load = system_load) -> Measured:
    """Time what `job.spec` names, on an otherwise idle machine."""
    spec = job.spec
    cores, busy = os.cpu_count() or 1, load()
    if busy > cores:
        raise Unfit("busy", f"load {busy:.1f} on {cores} cores; a timing now would be void")
    be_deterministic(spec.threads)
    generator = torch.Generator().manual_seed(spec.seed)
    rows = [row for dtype in spec.dtypes for row in _rows(dtype, job, generator)]
    noise = _noise(rows, spec.threads, on_cpu=job.device == "cpu")
    rates = [row["gflops"]["median"] for row in rows if row["gflops"]]
    shares = [row["fraction"] for row in rows if row["fraction"] is not None]
    metrics = {"gflops": max(rates, default=None), "fraction": max(shares, default=None)}
    value: dict[str, Any] = metrics | {
        "kind": spec.kind,
        "rows": rows,
        "flops": "2 n^3 per product",
        "allocation": "outputs are allocated before the clock starts",
    }
    passport = {"noise": noise, "float32_matmul_precision": "highest"}
    return Measured(value, metrics, passport=passport)


def timed(
    operation: Callable[[], object],
    sync: Callable[[], object],
    *,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time `operation` until `seconds` are sampled.

    Args:
        operation: what is timed; it may return before its work is done.
        sync: waits until the work is done; called before the clock is read.
        seconds: how long to sample.
        clock: returns seconds.
    """

    def sample(calls: int) -> float:
        sync()
        start = clock()
        for _ in range(calls):
            operation()
        sync()
        return (clock() - start) / calls

    cold_s = sample(1)
    shortest = max(_SHORTEST_S, _TIMER_SHARE * _timer_cost(clock))
    calls = 1
    while (took := sample(calls) * calls) < shortest:
        calls = max(calls + 1, int(calls * 1.5 * shortest / max(took, shortest / 100)))
    warm, end, before = False, clock() + seconds, 0.0
    while not warm and clock() < end:
        window = statistics.median(sample(calls) for _ in range(_WINDOW))
        warm = abs(window - before) <= _AGREE * window
        before = window
    samples: list[float] = []
    end, cpu, wall = clock() + seconds, time.process_time(), time.perf_counter()
    while not samples or clock() < end:
        samples.append(sample(calls))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Timing(tuple(samples), cold_s, warm, calls, cpu / wall)


def fraction_of(best_gflops: float, ceiling: Ceiling) -> float | None:
    """Return the share of the ceiling that was reached; None where there is no ceiling.

    Raises:
        Unfit: the share is above one.
    """
    if ceiling.gflops is None:
        return None
    share = best_gflops / ceiling.gflops
    if share > 1:
        raise Unfit(
            "impossible",
            f"{best_gflops:.1f} GFLOP/s is {share:.2f} of the measured ceiling of "
            f"{ceiling.gflops:.1f}; the timing or the ceiling is wrong",
        )
    return share


def _rows(
    dtype: str, job: Assignment[Benchmark], generator: torch.Generator
) -> list[dict[str, Any]]:
    """Time every size in one format, between two measurements of its ceiling."""
    spec = job.spec
    before = _ceiling(dtype, spec, job.device)
    slow = _times_slower(dtype, job.device, generator)
    emulated = slow >= _SLOW
    seconds = min(spec.seconds, _CAP_S) if emulated else spec.seconds
    rows: list[dict[str, Any]] = []
    for size in spec.sizes:
        row: dict[str, Any] = {"dtype": dtype, "size": size, "emulated": emulated}
        if emulated and size > _PROBE:
            row |= {"gflops": None, "detail": "not timed: no hardware support"}
        else:
            row |= _product(dtype, size, job.device, seconds, generator)
        rows.append(row | {"times_slower_than_float32": slow})
        job.tell({"event": "timed", "dtype": dtype, "size": size})
    after = _ceiling(dtype, spec, job.device)
    ceiling = max(before, after, key=lambda seen: seen.gflops or 0.0)
    for row in rows:
        best = row["gflops"]["best"] if row["gflops"] else None
        row["ceiling_gflops"], row["ceiling_how"] = ceiling.gflops, ceiling.how
        row["fraction"] = None if best is None else fraction_of(best, ceiling)
    return rows


def _product(
    dtype: str, size: int, device: str, seconds: float, generator: torch.Generator
) -> dict[str, Any]:
    """Time one product of two matrices of `(size, size)`."""
    a, b, out = _operands(dtype, size, device, generator)
    with torch.inference_mode():
        timing = timed(lambda: torch.mm(a, b, out=out), _sync(device), seconds=seconds)
    error = _error(a, b, out, dtype)
    rates = sorted(2 * size**3 / sample / 1e9 for sample in timing.samples)
    return {
        "gflops": {
            "median": statistics.median(rates),
            "best": rates[-1],
            "p10": rates[int(0.1 * (len(rates) - 1))],
            "p90": rates[int(0.9 * (len(rates) - 1))],
            "n": len(rates),
        },
        "cold_ms": timing.cold_s * 1e3,
        "warm": timing.warm,
        "calls_per_sample": timing.calls,
        "cpu_per_wall": timing.cpu_per_wall,
        "relative_error": error,
    }


def _operands(
    dtype: str, size: int, device: str, generator: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return two `(size, size)` matrices of seeded noise, and room for their product."""
    kind = getattr(torch, dtype)
    a, b = (torch.randn(size, size, generator=generator).to(device, kind) for _ in range(2))
    return a, b, torch.empty(size, size, device=device, dtype=kind)


def _error(a: Tensor, b: Tensor, out: Tensor, dtype: str) -> float:
    """Return the relative error of the product's first rows against float64.

    Raises:
        Unfit: it is larger than the format explains; the timed work was not the product.
    """
    reference = a[:4].double() @ b.double()
    error = float((out[:4].double() - reference).abs().max() / reference.abs().max())
    if error > _TOLERANCE[dtype]:
        raise Unfit("wrong_result", f"the {dtype} product is off by {error:.2g} of its largest")
    return error


def _times_slower(dtype: str, device: str, generator: torch.Generator) -> float:
    """Return how much slower than float32 a small product is: what tells an emulated format."""
    took: dict[str, float] = {}
    for name in ("float32", dtype):
        a, b, out = _operands(name, _PROBE, device, generator)
        with torch.inference_mode():
            timing = timed(
                lambda a=a, b=b, out=out: torch.mm(a, b, out=out), _sync(device), seconds=0.02
            )
        took[name] = min(timing.samples)
    return took[dtype] / took["float32"]


def _ceiling(dtype: str, spec: Benchmark, device: str) -> Ceiling:
    if device != "cpu":
        return Ceiling(None, f"no method that measures the ceiling of {device}")
    return measured_ceiling(dtype, threads=spec.threads)


def _sync(device: str) -> Callable[[], object]:
    return torch.cuda.synchronize if device == "cuda" else lambda: None


def _timer_cost(clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(100):
        clock()
    return (clock() - start) / 100


def _noise(rows: list[dict[str, Any]], threads: int, *, on_cpu: bool) -> dict[str, Any]:
    """Return whether something else took part of the machine while it was timed."""
    causes: list[str] = []
    for row in rows:
        if not row["gflops"]:
            continue
        name, share = f"{row['dtype']} {row['size']}", row["cpu_per_wall"] / threads
        if on_cpu and share < _LEAST_CPU:
            causes.append(f"{name}: the job had {share:.0%} of its {threads} thread(s)")
        spread = row["gflops"]["best"] / row["gflops"]["median"]
        if spread > _APART:
            causes.append(f"{name}: best is {spread:.1f} x the median")
    return {"noisy": bool(causes), "causes": causes}
