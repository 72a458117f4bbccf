"""`docs/checks.md`, made from the rules: what each code means, and what can be done about it."""

from typing import Final

from ensemble.agents.repairs import MEANINGS
from ensemble.checks.problem import Rule
from ensemble.checks.rules import REFUSALS, RULES
from ensemble.graph.soundness import MEANINGS as OF_GRAPHS

_HEAD: Final = """\
# What `ensemble check` knows

<!-- Made from the rules by `python -m ensemble.checks.page > docs/checks.md`. -->

`ensemble check [PATH…]` reads agents, graphs and scenarios and names each problem with its
file, line, column and fix. Codes are stable: `E` is an error and ends the check with status 3,
`G` is one of a graph or its cast, `W` is a warning and fails the check under `--strict`; a note
never does. `--fix` mends what has a **yes** below, `--json` and `--sarif` print for programs.
"""
_GROUPS: Final = {
    "W0": "Reading",
    "W1": "Fields",
    "W2": "Escalation",
    "E2": "Escalation",
    "W3": "Tools, modes and roles",
    "E3": "Tools, modes and roles",
    "W4": "The body",
    "W5": "Triggers",
    "E6": "Hidden text",
    "W7": "What a file says of itself",
}


def page() -> str:
    """Return the page."""
    parts = [_HEAD, "## Refused\n\nA file, or a field of it, that is not loaded.\n"]
    parts.append("\n".join(f"- **{code}** {about}" for code, about in REFUSALS.items()) + "\n")
    parts.append("## Mended\n\nRead all the same, with the repair named (`W001`).\n")
    parts.append("\n".join(f"- **{code}** {about}" for code, about in MEANINGS.items()) + "\n")
    parts.append("## Graphs\n\nA graph, or a cast that does not fit it. No model is called.\n")
    parts.append("\n".join(f"- **{code}** {about}" for code, about in OF_GRAPHS.items()) + "\n")
    group = ""
    for rule in RULES:
        named = _GROUPS[rule.code[:2]]
        if named != group:
            parts.append(f"## {named}\n")
            group = named
        parts.append(_section(rule))
    return "\n".join(parts)


def _section(rule: Rule) -> str:
    title = rule.look.__name__.replace("_", " ")
    about = "\n".join(line.strip() for line in rule.about.strip().splitlines())
    mended = "yes" if rule.fixable else "no"
    return f"### {rule.code} {title}\n\n{about}\n\n{rule.severity} · `--fix`: {mended}\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
