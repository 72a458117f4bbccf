"""A proposed cast as text: each seat with its reasons, then the block for a scenario."""

from ensemble.scenarios.proposal import Proposal


def as_text(proposal: Proposal) -> str:
    """Return the proposal; its last lines can be put into a scenario as they stand."""
    lines: list[str] = []
    for proposed in proposal.seats:
        lines.append(f"# {proposed.seat}: {proposed.agent}, as {proposed.role}")
        lines += [f"#   - {reason}" for reason in proposed.reasons]
    if proposal.hints:
        lines.append("# not matched, but perhaps meant:")
        lines += [f"#   - {hint}" for hint in proposal.hints]
    return "\n".join([*lines, f"graph: {proposal.graph}", proposal.block])
