"""A lab job's result as text."""

from collections.abc import Mapping
from typing import Any


def result_text(result: Mapping[str, Any]) -> str:
    """Return a result document as text."""
    cached = " (cached)" if result["cached"] else ""
    lines = [f"{result['tool']}: {result['status']}{cached}"]
    if result["error"]:
        lines.append(f"  {result['error']}")
    for gate in result["gates"]:
        word = {True: "passed", False: "FAILED", None: "inconclusive"}[gate["passed"]]
        lines.append(f"  gate {gate['name']} {word}: {gate.get('detail') or gate['value']}")
    for name, value in result["value"].items():
        if isinstance(value, (int, float, str)):
            lines.append(f"  {name}: {value}")
    if result["cache_key"]:
        lines.append(f"  cache_key: {result['cache_key']}")
    return "\n".join(lines)
