"""Figures that an answer states and nothing measured.

A figure counts as measured where its sentence names evidence, or where it stands, at its own
precision, in the task, the inputs or a result of the lab.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

_FENCE: Final = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_SENTENCE: Final = re.compile(r"(?<=[.!?;])\s+|\n")
_NAMED: Final = re.compile(r"\b[A-Z]\d+\b")
_UNIT: Final = r"\s?(?:%|percent\b|[mµn]?s\b|seconds\b|[KMG]i?B\b|tokens\b)"
_FIGURE: Final = re.compile(
    rf"(?<![\w./#])(?<!\d[:-])(\d[\d,]*\.\d+|\d[\d,]*(?={_UNIT}))(\s?(?:%|percent\b))?(?![\w]|\.\d)"
)
_VERSION: Final = re.compile(
    r"(?:python|torch|cuda|version|section|\bv|\bp\s*[<=>]+)\s*$", re.IGNORECASE
)
"""What stands before a number that measures nothing: of a release, a chapter, a level."""
_NUMBER: Final = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?")
_SHOWN: Final = 5


def unmeasured(
    answer: Mapping[str, Any],
    given: Sequence[str],
    evidence: Sequence[Mapping[str, Any]],
    findings: Collection[str] = (),
) -> list[str]:
    """Return the figures of an answer that rest on nothing, at most five, as they are written.

    Args:
        answer: the parsed answer; all that it states is read, but for claims that name their
            evidence, and for what it recommends: that measures nothing.
        given: task and inputs.
        evidence: what was measured.
        findings: ids that a sentence may name in place of evidence.

    Whole numbers without a unit are left alone: most of them count lines, steps or epochs.
    """
    ids = {*findings, *(str(item["id"]) for item in evidence)}
    stated = list(dict.fromkeys(f for text in _said(answer) for f in _stated(text, ids)))
    if not stated:
        return []
    results = [json.dumps([item["value"], item["gates"]], default=str) for item in evidence]
    known = {float(n.replace(",", "")) for text in (*given, *results) for n in _numbers(text)}
    return [figure for figure in stated if not _is_known(figure, known)][:_SHOWN]


def states_figures(answer: Mapping[str, Any]) -> bool:
    """Return whether an answer states any figure at all, measured or not."""
    return any(_FIGURE.search(text) for text in _said(answer))


def _said(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield what an answer states; where a finding lies is a line, not a figure."""
    yield from (answer["result"], answer["body"], answer["verification"], *answer["uncertainty"])
    yield from (claim["text"] for claim in answer["claims"] if not claim["evidence"])
    for finding in answer["findings"]:
        yield from (finding["title"], finding["issue"], finding["impact"])


def _stated(text: str, ids: Collection[str]) -> Iterator[str]:
    for sentence in _SENTENCE.split(_FENCE.sub(" ", text)):
        if not any(name in ids for name in _NAMED.findall(sentence)):
            for found in _FIGURE.finditer(sentence):
                if _VERSION.search(sentence[: found.start()]):
                    continue
                yield "".join(found.group(0).split())


def _numbers(text: str) -> list[str]:
    return _NUMBER.findall(text)


def _is_known(figure: str, known: set[float]) -> bool:
    digits = re.sub(r"[^\d.]", "", figure)
    places = len(digits.partition(".")[2])
    value = float(digits)
    return any(value in (round(n, places), round(100 * n, places)) for n in known)
