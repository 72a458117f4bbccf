"""Where requests meet the lab: equal ones are measured once, each result becomes evidence.

A batch is what all seats asked for in one step. Results come from the journal where it holds
them, so that a replay needs no lab.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from ensemble.errors import EnsembleError, InvalidFile, OverLimit
from ensemble.graph.state import BEFORE, Document
from ensemble.journal.run_journal import Journal
from ensemble.lab.specs import Spec, asked, from_seat, read_spec, spec_hash
from ensemble.lab.training_specs import Evaluate


class Measures(Protocol):
    """The lab, as the desk sees it."""

    async def run(self, spec: Spec, *, of: str | None = None) -> dict[str, Any]:
        """Return the result document of `spec`."""
        ...


@dataclass(frozen=True)
class Request:
    """One thing to measure."""

    raw: Mapping[str, Any]
    asked_by: str
    name: str | None = None
    """The id that a scenario gives it."""


@dataclass
class LabDesk:
    """Takes requests in, gives evidence out."""

    journal: Journal
    lab: Measures | None = None
    """None where nothing may be measured; a journal's recorded results still serve."""
    lab_s: float | None = None
    """Seconds that all jobs together may take."""

    async def measure(
        self, requests: Sequence[Request], known: Sequence[Document], batch: int
    ) -> tuple[list[Document], list[tuple[Request, str]]]:
        """Measure one batch.

        Args:
            requests: what is asked; specs that do not fit are told apart.
            known: evidence there is already.
            batch: the batch's number; part of every key.

        Returns:
            New and changed evidence; and, per request, the evidence id or what was wrong.
        """
        evidence = {item["hash"]: item for item in known}
        changed: dict[str, Document] = {}
        replies: list[tuple[Request, str]] = []
        fresh: dict[str, tuple[Spec, list[Request]]] = {}
        for request in requests:
            try:
                spec = _read(request)
            except EnsembleError as error:
                replies.append((request, f"refused: {error.problem}; {error.fix}"))
                continue
            mark = spec_hash(spec)
            if mark in evidence:
                evidence[mark] = _asked_also(evidence[mark], request)
                changed[mark] = evidence[mark]
                replies.append((request, evidence[mark]["id"]))
            else:
                fresh.setdefault(mark, (spec, []))[1].append(request)
        for number, (mark, (spec, askers)) in enumerate(fresh.items(), len(evidence) + 1):
            result = await self._measured(spec, askers, batch, [*evidence.values()])
            evidence[mark] = changed[mark] = _evidence(f"L{number}", mark, askers, result)
            replies += [(request, f"L{number}") for request in askers]
        return list(changed.values()), replies

    async def _measured(
        self, spec: Spec, askers: Sequence[Request], batch: int, known: Sequence[Document]
    ) -> Document:
        of = _refers_to(spec, known)

        async def perform() -> tuple[str, dict[str, Any]]:
            if self.lab is None:
                raise InvalidFile(
                    "there is no lab here", where=askers[0].asked_by, fix="give the run a workspace"
                )
            try:
                async with asyncio.timeout(self._left_s(askers[0])):
                    result = await self.lab.run(spec, of=of)
            except TimeoutError as error:
                raise _over(self.lab_s, askers[0]) from error
            return "lab_returned", {"value": result}

        event = await self.journal.effect(
            "lab",
            f"lab#{batch}/{spec_hash(spec)}",
            asked(spec),
            perform,
            asked_by=[request.asked_by for request in askers],
            tool=spec.tool,
            name=next((request.name for request in askers if request.name), None),
        )
        return cast("Document", event.value)

    def _left_s(self, request: Request) -> float | None:
        if self.lab_s is None:
            return None
        spent = sum(
            float(e.value["passport"].get("wall_s") or 0)
            for e in self.journal.events
            if e.event == "lab_returned" and not e.value["cached"]
        )
        if spent >= self.lab_s:
            raise _over(self.lab_s, request)
        return self.lab_s - spent


def evidence_line(evidence: Document) -> str:
    """Return one piece of evidence as a line for prompts: gates first, then the figures."""
    gates = [
        f"gate {gate['name']} {_verdict(gate)}: {_short(gate['value'])} against "
        f"{_short(gate['threshold'])}{_interval(gate)}"
        for gate in cast("list[Document]", evidence["gates"])
    ]
    figures = [
        f"{name} {_short(value)}"
        for name, value in cast("Document", evidence["value"]).items()
        if isinstance(value, (int, float, str)) and len(str(value)) <= _LONGEST_FIGURE
    ]
    head = _head(evidence)
    if evidence["status"] != "ok":
        return f"{head}: {evidence['status']} {evidence.get('error') or ''}".rstrip()
    return f"{head}: {'; '.join([*gates, ', '.join(figures[:8])])}".rstrip("; ")


def evidence_in_brief(evidence: Document) -> str:
    """Return what of a piece of evidence is kept where not all fits: id, kind and result."""
    gates = [
        f"{gate['name']} {_verdict(gate)}" for gate in cast("list[Document]", evidence["gates"])
    ]
    result = ", ".join(gates) or evidence["status"]
    return f"{_head(evidence)}: {result} (figures left out, for want of room)"


def _head(evidence: Document) -> str:
    about = evidence["spec"].get("dataset") or evidence["spec"].get("of") or ""
    return f"{evidence['id']} {evidence['tool']} {about}".rstrip()


_LONGEST_FIGURE = 24


def _verdict(gate: Document) -> str:
    return {True: "passed", False: "FAILED"}.get(gate["passed"], "inconclusive")


def _interval(gate: Document) -> str:
    between = gate.get("interval")
    return f", 95 % interval {_short(between[0])} to {_short(between[1])}" if between else ""


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _read(request: Request) -> Spec:
    """Return the spec asked for; a seat sets neither its own gates nor its own limits."""
    if request.asked_by == BEFORE:
        raw = {key: item for key, item in request.raw.items() if key != "id"}
        return read_spec(raw, where=request.asked_by)
    return from_seat(request.raw, where=request.asked_by)


def _asked_also(evidence: Document, request: Request) -> Document:
    return {**evidence, "asked_by": [*evidence["asked_by"], request.asked_by]}


def _evidence(name: str, mark: str, askers: Sequence[Request], result: Document) -> Document:
    given = next((request.name for request in askers if request.name), None)
    return {
        "id": name,
        "name": given or name,
        "hash": mark,
        "asked_by": [request.asked_by for request in askers],
        **result,
    }


def _refers_to(spec: Spec, known: Sequence[Document]) -> str | None:
    if not isinstance(spec, Evaluate):
        return None
    named = (item for item in known if spec.of in (item["id"], item["name"]))
    return next((item["cache_key"] for item in named), None)


def _over(lab_s: float | None, request: Request) -> OverLimit:
    return OverLimit(
        f"lab jobs have used their {lab_s} s",
        where=request.asked_by,
        fix="raise `limits.lab_s` in the scenario, or measure less",
    )
