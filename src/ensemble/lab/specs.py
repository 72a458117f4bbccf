"""What can be asked of the lab: one frozen spec per tool, read from YAML or from a model.

A spec is data. It never carries code, and nothing here has heard of torch, of processes or
of where answers are kept. A further tool is one spec class beside this module, in `TOOLS`,
and one function in the worker's table.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ensemble.canonical import fingerprint
from ensemble.errors import InvalidFile, closest, raise_all
from ensemble.lab.data_specs import CheckData
from ensemble.lab.job_spec import JobSpec
from ensemble.lab.timing_specs import Benchmark
from ensemble.lab.training_specs import Evaluate, Train

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
