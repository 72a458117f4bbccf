"""What a number needs beside it: where, with what and how undisturbed it was measured."""

import os
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ensemble.lab.question import versions

_SEEDED = ("init", "shuffle", "dropout", "resampling")


def seeds_of(root: int) -> dict[str, int]:
    """Return one independent seed for each kind of draw."""
    children = np.random.SeedSequence(root).spawn(len(_SEEDED))
    drawn = (int(child.generate_state(1)[0]) for child in children)
    return {"root": root} | dict(zip(_SEEDED, drawn, strict=True))


def stopwatch() -> Callable[[], dict[str, Any]]:
    """Start to measure; the returned function says what was used since, and how disturbed."""
    began, cpu, load = time.perf_counter(), time.process_time(), os.getloadavg()[0]

    def used() -> dict[str, Any]:
        wall_s = time.perf_counter() - began
        cpu_s = time.process_time() - cpu
        return {
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "noise": {
                "load_before": load,
                "load_after": os.getloadavg()[0],
                "cpu_per_wall": cpu_s / wall_s if wall_s > 0 else None,
                "cores": os.cpu_count(),
            },
        }

    return used


def machine() -> dict[str, Any]:
    """Return what is known of the machine and the interpreter."""
    return {
        "machine": platform.machine(),
        "processor": processor(),
        "versions": {"python": platform.python_version()} | versions(),
    }


def processor() -> str:
    """Return the processor's name, as the system gives it."""
    return _cpuinfo("model name") or platform.processor() or "unknown"


def processor_flags() -> frozenset[str]:
    """Return the instruction sets that the processor lists; empty where it does not say."""
    return frozenset(_cpuinfo("flags").split())


def _cpuinfo(field: str) -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - no file of ours
            for line in file:
                name, _, value = line.partition(":")
                if name.strip() == field:
                    return value.strip()
    except OSError:
        pass
    return ""
