"""The JSON schema that holds a provider to the envelope."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from ensemble.answers.answer import DISPOSITION_STATES, Wanted
from ensemble.roles import Severity


@lru_cache(maxsize=256)
def answer_schema(wanted: Wanted, *, brief: bool) -> dict[str, Any]:
    """Return the JSON schema that holds a provider to the envelope.

    Every text and list is bounded, or a small model loops to its limit. Equal wishes share one
    schema, which nobody may change.

    Args:
        wanted: what the reply may and must hold.
        brief: for a very small model: short texts, no findings' details, no tools.
    """
    long, short = (90, 40) if brief else (1200, 400)
    fields: dict[str, Any] = {
        "result": _text(long),
        "confidence": {"type": "string", "enum": ["high", "medium", "low"]},
        "uncertainty": {"type": "array", "items": _text(short), "maxItems": 1 if brief else 5},
        "verification": _text(short),
    }
    if wanted.choices:
        fields["position"] = {"type": "string", "enum": list(wanted.choices)}
    elif not brief:
        fields["position"] = _text(80)
    if wanted.findings and not brief:
        fields["findings"] = {"type": "array", "maxItems": 12, "items": _finding_schema()}
    if wanted.dispositions:
        fields["dispositions"] = _dispositions_schema(wanted.dispositions, brief=brief)
    if wanted.claims and not brief:
        fields["claims"] = {"type": "array", "maxItems": 8, "items": _claim_schema()}
    if not brief:
        fields["body"] = _text(6000)
    answer = _object(fields)
    if not wanted.tools or brief:
        return answer
    action = {"tool": {"type": "string", "enum": list(wanted.tools)}, "spec": {"type": "object"}}
    return {"anyOf": [answer, _object({"action": _object(action)})]}


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


def _finding_schema() -> dict[str, Any]:
    texts = {name: _text(400) for name in ("location", "issue", "impact", "recommendation")}
    severity = {"type": "string", "enum": [level.value for level in Severity]}
    return _object({"severity": severity, "title": _text(160), **texts})


def _claim_schema() -> dict[str, Any]:
    evidence = {"type": ["string", "null"], "maxLength": 80}
    return _object({"text": _text(300), "evidence": evidence, "holds": {"type": "boolean"}})


def _dispositions_schema(findings: Sequence[str], *, brief: bool) -> dict[str, Any]:
    state: dict[str, Any] = {"type": "string", "enum": list(DISPOSITION_STATES)}
    item = state if brief else _object({"state": state, "reason": _text(300)})
    return _object(dict.fromkeys(findings, item))
