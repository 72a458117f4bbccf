"""A scenario file's text made a `Scenario`: what it says, where it says it, and every fault.

A value that does not fit is noted and left out, so that the rest of the file is checked too.
Has never heard of agents, graphs or folders: what the values name is for `loading`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast, get_args

from pydantic import ValidationError

from ensemble.errors import EnsembleError, Faults, InvalidFile, closest
from ensemble.scenarios.spec import SCHEMA, Scenario
from ensemble.strict_yaml import Document, read_yaml

_STAND_INS: Final = {"schema": SCHEMA, "name": "unnamed", "task": "unsaid"}
"""For the keys that must be there, while the other values are checked."""


@dataclass
class Reader:
    """One case being read: where its values stand, and what is wrong with them."""

    path: Path
    document: Document
    case_index: int | None = None
    faults: list[EnsembleError] = field(default_factory=list[EnsembleError])
    left_out: set[str] = field(default_factory=set[str])
    """Keys whose values did not fit: what hangs on them is not checked."""

    def where(self, *steps: str | int) -> str:
        """Return file:line:column of a value, in the case if it says so, else in the base."""
        if self.case_index is not None:
            inside = ("cases", self.case_index, *steps)
            if inside in self.document.marks:
                return self.document.where(*inside)
        return self.document.where(*steps)

    def where_key(self, *steps: str | int) -> str:
        """Return file:line:column of a key, in the case if it stands there, else in the base."""
        if self.case_index is not None:
            inside = ("cases", self.case_index, *steps)
            if inside in self.document.keys:
                return self.document.where_key(*inside)
        return self.document.where_key(*steps)

    def fault(self, problem: str, *steps: str | int, fix: str) -> None:
        """Note one fault."""
        self.faults.append(InvalidFile(problem, where=self.where(*steps), fix=fix))


def read(path: Path) -> Document:
    """Return a scenario file's YAML.

    Raises:
        InvalidFile: it cannot be read, or is more than plain YAML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InvalidFile(
            f"cannot be read: {error.strerror}", where=str(path), fix="name a scenario file"
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidFile("is no UTF-8 text", where=f"{path}:1:1", fix="save as UTF-8") from error
    return read_yaml(text, path=str(path))


def as_mapping(document: Document) -> dict[str, Any]:
    """Return the scenario as written.

    Raises:
        InvalidFile: it is no mapping.
    """
    if not isinstance(document.value, dict):
        raise InvalidFile(
            "a scenario is a mapping", where=document.where(), fix="begin with `schema: …`"
        )
    return cast("dict[str, Any]", document.value)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay a case over the base: maps are merged, everything else is replaced."""
    laid = dict(base)
    for key, item in over.items():
        known = laid.get(key)
        if isinstance(known, dict) and isinstance(item, dict) and key != "cast":
            laid[key] = merged(cast("dict[str, Any]", known), cast("dict[str, Any]", item))
        elif isinstance(known, dict) and isinstance(item, dict):
            laid[key] = {**known, **item}
        else:
            laid[key] = item
    return laid


def validated(raw: Mapping[str, Any], reader: Reader) -> Scenario:
    """Return the scenario; what does not fit is noted in `reader` and left out.

    Raises:
        Faults: so much does not fit that nothing is left to check.
    """
    try:
        return Scenario.model_validate(dict(raw))
    except ValidationError as error:
        rest = {**_STAND_INS, **raw}
        found = [([s for s in item["loc"] if _is_step(s)], item) for item in error.errors()]
        seen: list[list[str | int]] = []
        for steps, item in found:
            deeper = any(len(o) > len(steps) and o[: len(steps)] == steps for o, _ in found)
            if deeper or steps in seen:
                continue  # one value, several shapes it might have had
            seen.append(steps)
            name = ".".join(str(step) for step in steps)
            unknown = item["type"] == "extra_forbidden"
            problem = f"{name}: no such key" if unknown else f"{name}: {item['msg']}"
            where = reader.where_key(*steps) if unknown else reader.where(*steps)
            fix = _fix(steps, unknown=unknown)
            reader.faults.append(InvalidFile(problem, where=where, fix=fix))
            rest = _without(rest, steps if unknown else steps[:1])
            in_list = len(steps) > 1 and isinstance(steps[1], int)
            if not unknown or in_list:  # then the list is left out whole
                reader.left_out.add(str(steps[0]))
        try:
            return Scenario.model_validate({**_STAND_INS, **rest})
        except ValidationError:
            raise Faults(reader.faults) from error


def _without(value: Mapping[str, Any], steps: Sequence[str | int]) -> dict[str, Any]:
    """Return the mapping without what stands at `steps`."""
    left = {key: item for key, item in value.items() if key != steps[0] or len(steps) > 1}
    inner: Any = left.get(str(steps[0]))
    if len(steps) > 1 and isinstance(inner, dict):
        left[str(steps[0])] = _without(cast("dict[str, Any]", inner), steps[1:])
    elif len(steps) > 1:
        left.pop(str(steps[0]), None)  # inside a list: left out with it
    return left


def _is_step(step: str | int) -> bool:
    """Leave out what pydantic adds to a path to say which shape it tried."""
    return isinstance(step, int) or (step.replace("_", "").isalnum() and step not in (
        "str", "Seated", "int", "float", "bool"
    ))  # fmt: skip


def _fix(steps: Sequence[str | int], *, unknown: bool) -> str:
    if not unknown:
        return "mend the value; `ensemble schema scenario` says what fits"
    model: Any = Scenario
    for step in steps[:-1]:
        fields = getattr(model, "model_fields", {})
        if isinstance(step, int):
            model = next(iter(get_args(model)), None)
        else:
            model = fields[step].annotation if step in fields else None
    known = getattr(model, "model_fields", {})
    names = [str(item.alias or name) for name, item in known.items()]
    return closest(str(steps[-1]), names, kind="key") if names else "remove it"
