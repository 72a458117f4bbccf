"""The JSON schema that holds a provider to the envelope."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ensemble.answers.answer import DISPOSITION_STATES, Wanted
from ensemble.canonical import Shared
from ensemble.roles import Severity


@lru_cache(maxsize=256)
def answer_schema(wanted: Wanted, *, brief: bool) -> Shared:
    """Return the JSON schema that holds a provider to the envelope.

    Every text and list is bounded, or a small model loops to its limit. Fields stand in the
    order in which they are written: the verdict comes after its reasons. Equal wishes share one
    schema.

    Args:
        wanted: what the reply may and must hold.
        brief: for a very small model: short texts, no findings' details, no tools.
    """
    long, short = (_words(80), _words(40)) if brief else (_text(1200), _text(400))
    fields: dict[str, Any] = {}
    if not brief:
        fields["body"] = _text(6000)
    fields["uncertainty"] = {
        "type": "array",
        "items": short,
        "maxItems": 1 if brief else 5,
    }
    fields["verification"] = short
    if not brief:
        fields |= _further(wanted)
    if wanted.dispositions:
        fields["dispositions"] = _dispositions_schema(wanted.dispositions, brief=brief)
    fields["result"] = long
    fields["confidence"] = {"type": "string", "enum": ["high", "medium", "low"]}
    if wanted.choices:
        fields["position"] = {"type": "string", "enum": list(wanted.choices)}
    elif not brief:
        fields["position"] = _text(80)
    answer = _object(fields)
    if not wanted.tools or brief:
        return Shared(answer)
    action = {"tool": {"type": "string", "enum": list(wanted.tools)}, "spec": {"type": "object"}}
    return Shared({"anyOf": [answer, _object({"action": _object(action)})]})


def _further(wanted: Wanted) -> dict[str, Any]:
    """Return the fields that a very small model is spared."""
    fields: dict[str, Any] = {}
    if wanted.findings:
        fields["findings"] = {"type": "array", "maxItems": 12, "items": _finding_schema()}
    if wanted.claims:
        fields["claims"] = {"type": "array", "maxItems": 8, "items": _claim_schema()}
    if wanted.tools:
        fields["checks"] = {"type": "array", "maxItems": 4, "items": _check_schema(wanted.tools)}
    if wanted.escalates:
        named = {"type": "string", "enum": [mark for mark, _ in wanted.escalates]}
        fields["escalates"] = {"type": "array", "maxItems": len(wanted.escalates), "items": named}
    return fields


@lru_cache(maxsize=256)
def schema_text(wanted: Wanted, *, brief: bool) -> str:
    """Return the same schema as text, to count its tokens."""
    return json.dumps(answer_schema(wanted, brief=brief))


def _object(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict(fields),
        "required": list(fields),
        "additionalProperties": False,
    }


def _text(most: int) -> dict[str, Any]:
    return {"type": "string", "maxLength": most}


def _words(most: int) -> dict[str, Any]:
    """Return a text of words alone: a very small model that begins to count never ends."""
    return {**_text(most), "pattern": rf"^[A-Za-z][A-Za-z ,;'-]{{0,{most - 2}}}[.]$"}


def _finding_schema() -> dict[str, Any]:
    texts = {name: _text(400) for name in ("location", "issue", "impact", "recommendation")}
    severity = {"type": "string", "enum": [level.value for level in Severity]}
    return _object({"severity": severity, "title": _text(160), **texts})


def _claim_schema() -> dict[str, Any]:
    evidence = {"type": ["string", "null"], "maxLength": 80}
    return _object({"text": _text(300), "evidence": evidence, "holds": {"type": "boolean"}})


def _check_schema(tools: Sequence[str]) -> dict[str, Any]:
    bound = {"type": ["number", "null"]}
    return _object(
        {
            "claim": _text(300),
            "tool": {"type": "string", "enum": list(tools)},
            "spec": {"type": "object"},
            "metric": _text(60),
            "at_least": bound,
            "at_most": bound,
        }
    )


def _dispositions_schema(findings: Sequence[str], *, brief: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"type": "string", "enum": list(DISPOSITION_STATES)}
    item = state if brief else _object({"state": state, "reason": _text(300)})
    return _object(dict.fromkeys(findings, item))
