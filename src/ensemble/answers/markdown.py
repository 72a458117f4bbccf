"""An answer written in Markdown, the way agent files show their output formats.

Envelope lines are `**Label**: text` and may run on over several lines; findings are headings
`### [SEVERITY] Title` with `- **Location**: …` items; dispositions and claims are lists under
their own labels. Fences inside the answer are text. What is no envelope is the body.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final, cast

from pydantic import ValidationError

from ensemble.answers.answer import (
    DISPOSITION_STATES,
    Answer,
    Confidence,
    Disposition,
    RaisedClaim,
    RaisedFinding,
    Unparsed,
    level_of,
)

_LABEL: Final = re.compile(r"^\s*(?:[-*]\s+)?\*\*([^*\n]{2,40}?):?\*\*\s*:?\s*(.*)$")
# Possessive (`*+`): a run of spaces is read once, however the rest of the line fails.
_FINDING: Final = re.compile(r"^#{2,5}\s*\[([A-Za-z]+)\]\s*+(.*\S)")
_DISPOSITION: Final = re.compile(
    rf"^\s*(?:[-*]\s+)?\**([A-Z]\d+)[\s*:—\u2013-]+({'|'.join(DISPOSITION_STATES)})\b"
    r"[\s*:—\u2013,.-]*(.*)$",
    re.IGNORECASE,
)
_CITED: Final = re.compile(r"([A-Z]\d+(?:/[\w.-]+)?)(?:\s*:\s*(\w+))?\]")
_NAMED: Final = re.compile(r"\b[TH]\d+\b")
_FENCE: Final = re.compile(r"^\s*(`{3,}+|~{3,}+)\s*+([^`]*)$")
_NUMBER: Final = r"(\d{1,3}(?:\.\d+)?|\.\d+)(?:\s*+(%))?(?![\d%]|\.\d|\s*/|\s*out\b)"
_ENVELOPE: Final = {
    "result": "result",
    "confidence": "confidence",
    "uncertainty factors": "uncertainty",
    "uncertainty": "uncertainty",
    "verification": "verification",
    "verification suggestion": "verification",
    "position": "position",
    "dispositions": "dispositions",
    "claims": "claims",
    "escalates": "escalates",
}
_PLAIN_ITEM: Final = re.compile(r"^\s*[-*]\s+([A-Za-z]{5,14}):\s*(.*)$")
"""`- Location: train.py:8`: people leave the asterisks out."""
_FINDING_ITEMS: Final = frozenset({"location", "issue", "impact", "recommendation"})


def from_markdown(text: str) -> Answer:
    """Read a Markdown reply.

    Raises:
        Unparsed: Result or Confidence is missing, or Confidence is no known word or number.
    """
    parts = _split(text)
    if "result" not in parts or "confidence" not in parts:
        missing = "Result" if "result" not in parts else "Confidence"
        raise Unparsed(f"there is no **{missing}** line")
    confidence, probability = read_confidence(_joined(parts["confidence"]))
    position = _joined(parts["position"]).splitlines()[:1] if "position" in parts else []
    return Answer(
        result=_joined(parts["result"]),
        confidence=confidence,
        probability=probability,
        uncertainty=tuple(_items(parts.get("uncertainty", []))),
        verification=_joined(parts.get("verification", [])),
        position=position[0] if position else None,
        body=_joined(parts.get("body", [])),
        findings=tuple(_findings(text)),
        dispositions=tuple(read_dispositions(parts.get("dispositions", []))),
        claims=tuple(_claims(parts.get("claims", []))),
        escalates=tuple(dict.fromkeys(_NAMED.findall(_joined(parts.get("escalates", []))))),
    )


def read_confidence(text: str) -> tuple[Confidence, float | None]:
    """Return the level that a word, a number in [0, 1] or a percentage states, and the number.

    Raises:
        Unparsed: it is none of these.
    """
    told = re.match(r"\W*(high|medium|low)\b\W*", text, re.IGNORECASE)
    value = _probability(text[told.end() :] if told else text, sure=told is None)
    if told:
        return cast("Confidence", told.group(1).lower()), value
    if value is None:
        raise Unparsed(f"confidence {text[:40]!r} is none of high, medium, low")
    return level_of(value), value


def read_dispositions(lines: Sequence[str]) -> Iterator[Disposition]:
    """Yield what each line says of a finding: `F1: rejected, why`; other lines are passed over."""
    for line in lines:
        found = _DISPOSITION.match(line)
        if found:
            name, state, reason = found.groups()
            at = DISPOSITION_STATES.index(state.lower())
            yield Disposition(finding=name, state=DISPOSITION_STATES[at], reason=reason.strip())


def fenced_blocks(text: str) -> Iterator[str]:
    """Yield what stands in each outermost fence, without its marks."""
    block: list[str] = []
    for line, before, after in _walk(text):
        if before and after:
            block.append(line)
        elif before or after:
            if before:
                yield "\n".join(block).strip()
            block = []
    if block:
        yield "\n".join(block).strip()


def _split(text: str) -> dict[str, list[str]]:
    """Sort lines under the envelope label they follow; a heading ends a label."""
    parts: dict[str, list[str]] = {}
    current = "body"
    for line, fenced in _lines(text):
        label = None if fenced else _LABEL.match(line)
        name = _ENVELOPE.get(label.group(1).strip().lower()) if label else None
        if label and name and name not in parts:
            current = name
            parts[name] = [label.group(2)] if label.group(2) else []
            continue
        if not fenced and line.startswith("#"):
            current = "body"
        parts.setdefault(current, []).append(line)
    return parts


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each line, and whether it belongs to a fenced block, marks included."""
    for line, before, after in _walk(text):
        yield line, before or after


def _walk(text: str) -> Iterator[tuple[str, bool, bool]]:
    """Yield each line, and whether a fence is open before and after it.

    A fence that names a language opens one inside another, as models write them.
    """
    fences: list[str] = []
    opened: Counter[str] = Counter()
    for line in text.split("\n"):
        before, match = bool(fences), _FENCE.match(line)
        mark, language = match.groups() if match else ("", "")
        if mark and (language or not fences):
            fences.append(mark)
            opened[mark] += 1
        elif opened[mark]:
            closed = ""
            while closed != mark:
                closed = fences.pop()
                opened[closed] -= 1
        elif mark and mark.startswith(fences[-1]):
            opened[fences.pop()] -= 1
        yield line, before, bool(fences)


def _joined(lines: list[str]) -> str:
    return "\n".join(lines).strip()


def _items(lines: list[str]) -> Iterator[str]:
    for line in _joined(lines).splitlines():
        item = re.sub(r"^\s*(?:[-*]|\d+[.)])\s+", "", line).strip()
        if item:
            yield item


def _probability(text: str, *, sure: bool) -> float | None:
    """Return the number at the start of `text`; unless `sure`, a bare count is none."""
    found = re.match(rf"[^\w.+-]*{_NUMBER}", text)
    if found is None or not (sure or found.group(2) or "." in found.group(1)):
        return None
    value = float(found.group(1)) / (100 if found.group(2) else 1)
    return value if value <= 1 else None


def _findings(text: str) -> Iterator[RaisedFinding]:
    raised: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line, fenced in _lines(text):
        heading = None if fenced else _FINDING.match(line)
        if heading:
            yield from _finding(raised)
            raised = {"severity": [heading.group(1)], "title": [heading.group(2)]}
            last = None
        elif not fenced and (line.startswith("#") or _is_envelope(line)):
            yield from _finding(raised)
            raised = {}
        elif raised:
            item = None if fenced else _LABEL.match(line) or _PLAIN_ITEM.match(line)
            name = item.group(1).strip().lower() if item else ""
            if item and name in _FINDING_ITEMS:
                last = raised[name] = [item.group(2)]
            elif line.strip() and last is not None:
                last.append(line if fenced else line.strip())
    yield from _finding(raised)


def _is_envelope(line: str) -> bool:
    label = _LABEL.match(line)
    return bool(label and label.group(1).strip().lower() in _ENVELOPE)


def _finding(raised: dict[str, list[str]]) -> Iterator[RaisedFinding]:
    if not raised:
        return
    try:
        yield RaisedFinding.model_validate({k: "\n".join(v) for k, v in raised.items()})
    except ValidationError:
        return  # `### [Note to self] …`: a heading in brackets that names no severity


def _claims(lines: list[str]) -> Iterator[RaisedClaim]:
    for line in lines:
        told = line.strip()
        if not told.startswith(("-", "*")):
            continue
        item = re.sub(r"^[-*]\s+", "", told)
        text, _, bracket = item.rpartition("[")
        found = _CITED.fullmatch(bracket) if text.strip() and item != told else None
        if found is None:
            yield RaisedClaim(text=item)
            continue
        evidence, word = found.groups()
        failed = (word or "passed").lower() in {"failed", "false", "no", "refuted"}
        yield RaisedClaim(text=text.strip(), evidence=evidence, holds=not failed)
