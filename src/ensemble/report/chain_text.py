"""Chains of models as text: who is asked, in order, and why not."""

from typing import Any

from ensemble.models.provider import Candidate


def chain_text(chains: list[dict[str, Any]]) -> str:
    """Return chains as text: who is asked, in order, and why not."""
    lines: list[str] = []
    for item in chains:
        lines.append(f"{item['agent']}:")
        for raw in item["chain"]:
            candidate = Candidate(**raw)
            mark = "asks" if candidate.available else "no  "
            model = f"{candidate.provider}/{candidate.model}" if candidate.provider else "-"
            lines.append(f"  {mark}  {candidate.asked}  {model}  ({candidate.reason})")
    return "\n".join(lines)
