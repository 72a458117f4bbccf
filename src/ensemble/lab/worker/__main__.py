"""`python -m ensemble.lab.worker FD`: one request on stdin, events and an ending on FD.

The result document of a job that ended well is written into the job's folder before the
ending is reported, so that it is found again when nobody listens any more.
"""

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from ensemble.errors import EnsembleError
from ensemble.lab.job_spec import JobSpec
from ensemble.lab.specs import read_spec
from ensemble.lab.store import keep_result
from ensemble.lab.worker.contract import Assignment, Tool, Unfit, gates_of, rounded
from ensemble.lab.worker.passport import machine, seeds_of, stopwatch

TABLE = {
    "check_data": "checking:check_data",
    "train": "training:train",
    "evaluate": "scoring:evaluate",
    "benchmark": "timing:benchmark",
}
_LATER_S = 5


def main() -> None:
    """Serve one request."""
    channel = int(sys.argv[1])

    def tell(event: dict[str, Any]) -> None:
        # Where whoever asked is gone, the result will be found by its key.
        with suppress(BrokenPipeError):
            os.write(channel, json.dumps(rounded(event)).encode() + b"\n")

    request = json.load(sys.stdin)
    tell({"event": "ended"} | serve(request, tell))


def serve(request: dict[str, Any], tell: Any) -> dict[str, Any]:
    """Do what the request asks and keep its result; return how it ended."""
    try:
        spec = read_spec(request["spec"], where="spec")
        tool = _tool(spec.tool)
        _limit(spec, request["device"])
        keep_result(Path(request["folder"]), _document(request, spec, tool, tell))
    except (Unfit, EnsembleError) as error:
        reason = error.reason if isinstance(error, Unfit) else "spec"
        return {"status": f"refused:{reason}", "error": str(error)}
    except MemoryError as error:
        return {"status": "oom", "error": str(error) or "the memory limit was reached"}
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        return {"status": "oom", "error": str(error).splitlines()[0]}
    return {"status": "ok"}


def _document(request: dict[str, Any], spec: JobSpec, tool: Tool, tell: Any) -> dict[str, Any]:
    used = stopwatch()
    measured = tool(_assignment(request, spec, tell))
    passport = {
        "device": request["device"],
        "device_reason": request["device_reason"],
        "threads": spec.threads,
        "seeds": seeds_of(spec.seed),
        "data_sha256": request["data_sha256"],
        "method_version": spec.method_version,
    }
    spent = used()
    own = dict(measured.passport)
    spent["noise"] |= own.pop("noise", {})
    return rounded(
        {
            "tool": request["spec"]["tool"],
            "spec": request["spec"],
            "status": "ok",
            "value": measured.value,
            "gates": gates_of(spec, measured),
            "passport": passport | machine() | spent | own,
            "cached": False,
            "age_s": 0.0,
            "cache_key": request["cache_key"],
            "artifacts": measured.artifacts,
            "error": None,
        }
    )


def _assignment(request: dict[str, Any], spec: JobSpec, tell: Any) -> Assignment[Any]:
    return Assignment(
        spec=spec,
        folder=Path(request["folder"]),
        store=Path(request["store"]),
        key=request["cache_key"],
        device=request["device"],
        data=None if request["data"] is None else Path(request["data"]),
        data_sha256=request["data_sha256"],
        of=None if request["of"] is None else Path(request["of"]),
        tell=tell,
    )


def _tool(name: str) -> Tool:
    module, function = TABLE[name].split(":")
    tool: Tool = getattr(import_module(f"ensemble.lab.worker.{module}"), function)
    return tool


def _limit(spec: JobSpec, device: str) -> None:
    """Hold this process to its limits, also when nobody watches it any more.

    Memory counts from what loading the libraries took. CUDA reserves address ranges far
    beyond what it uses, so there the allocator holds the limit.
    """
    wall_s = int(spec.limits.wall_s) + _LATER_S
    signal.setitimer(signal.ITIMER_REAL, wall_s)
    cpu_s = wall_s * spec.threads
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + _LATER_S))
    if device == "cuda":
        from ensemble.lab.worker.networks import limit_cuda_memory

        limit_cuda_memory(spec.limits.memory_mib)
        return
    held = _data_bytes()
    if held is not None:
        most = held + (spec.limits.memory_mib << 20)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _data_bytes() -> int | None:
    """Return the size of this process's data, where the system tells it."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    sizes = (line.split() for line in status.splitlines() if line.startswith("VmData:"))
    return next((int(size[1]) << 10 for size in sizes), None)


def _is_out_of_memory(error: RuntimeError) -> bool:
    text = str(error).lower()
    return "out of memory" in text or "can't allocate memory" in text or "bad_alloc" in text


if __name__ == "__main__":
    main()
