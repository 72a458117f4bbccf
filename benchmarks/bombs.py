"""Agent files made to cost time or memory: what a reader must refuse, or read all the same."""

from typing import Final

from ensemble.strict_yaml import MAX_LEVELS

_LONG: Final = 200_000
FIELDS: Final[dict[str, str]] = {
    "deep flow list": "audit: " + "[" * _LONG,
    "deep flow map": "audit: " + "{a: " * 50_000,
    "deep list": "audit:\n  " + "- " * 50_000 + "x",
    "deep map": "\n".join(" " * n + "a:" for n in range(600)),
    "levels too many": "audit: " + "[" * (MAX_LEVELS + 1) + "]" * (MAX_LEVELS + 1),
    "laughs": "audit:\n  a: &a [x, x]\n  b: &b [*a, *a]\n  c: [*b, *b]",
    "merge": "audit:\n  a: &a {b: c}\n  <<: *a",
    "wide list": "audit: [" + "1," * 100_000 + "]",
    "wide map": "audit: {" + ",".join(f"k{n}: 1" for n in range(20_000)) + "}",
    "wide block list": "audit:\n" + "  - 1\n" * 30_000,
    "wide block map": "audit:\n" + "".join(f"  k{n}: 1\n" for n in range(18_000)),
    "one key over and over": "x: 1\n" * 40_000,
    "keys twice": "".join(f"k{n}: 1\n" for n in range(9_000)) * 2,
    "a known key, broken, over and over": "tools: a: b\n" * 16_000,
    "one broken block": "description: a: b\n" + "also: this: that\n" * 12_000,
    "broken lists": "tools:  - a: b: c\n" * 10_000,
    "stray text": "<function call>\n" * 12_000 + "a: b: c",
    "fences in a text": "description: |\n" + "  ---\n" * 30_000,
    "a long name": "description: " + "x" * _LONG,
    "a long key": "x" * _LONG + ": y",
    "a long quoted text": 'description: "' + "\\n" * 100_000 + '"',
    "an unclosed quote": 'description: "' + "a b: c\n" * 25_000,
    "an unclosed list": "tools: [" + "a, " * 60_000,
    "quotes": "description: " + "'" * _LONG,
    "colons": "description: " + ": " * 90_000,
    "hashes": "description: " + " #" * 90_000,
    "stars": "description: " + "*" * _LONG,
    "brackets to escalate to": "escalation: {escalate_to: '" + "(" * _LONG + "'}",
    "brackets closed": "escalation: {escalate_to: '" + "()" * 90_000 + "'}",
    "ors to escalate to": "escalation: {escalate_to: '" + "a or " * 40_000 + "b'}",
    "spaces to escalate to": "escalation: {escalate_to: 'a" + " " * _LONG + "b'}",
    "commas as tools": "tools: '" + "," * _LONG + "'",
    "brackets as tools": "tools: '" + "a(," * 60_000 + "'",
    "a tool over and over": "tools: {audit: '" + "Read, " * 30_000 + "'}",
    "a glob of stars": "proactive_triggers: ['" + "*a" * 90_000 + "']",
    "many triggers": "proactive_triggers:\n" + "  - '*a*b*c*'\n" * 14_000,
    "numbers": "version: " + "9" * _LONG,
    "an exponent": "audit: {score: 1e999999999}",
    "tabs": "description: a\n" + "\t" * _LONG,
    "carriage returns": "description: a" + "\r" * _LONG,
    "indented": " " * _LONG + "x: y",
    "indented by much": ("    " * 200 + "a: b: c\n") * 300,
    "dashes": "-" * _LONG,
    "question marks": "? " * 90_000,
    "bangs": "audit: " + "! " * 90_000,
    "percent": "%" * _LONG,
    "bidi": "description: " + "\u202e\u2066" * 40_000,
    "marks": "\ufeff" * 60_000,
    "pipes": "role: " + "a | " * 60_000,
    "a placeholder": "name: " + "{a: " * 30_000,
}
BODIES: Final[dict[str, str]] = {
    "headings": "## Identity\n" * 20_000,
    "deep headings": "#" * _LONG + " x",
    "fences": "```\n" * 60_000,
    "languages": "```a\n" * 50_000,
    "unclosed fence": "## Identity\n```\n" + "## Never\n- x\n" * 15_000,
    "items": "## Never\n" + "- a\n" * 60_000,
    "nested items": "## Never\n- a\n" + "  - b\n" * 40_000,
    "rulers": "## Identity\n" + "- " * 100_000,
    "labels": "## Identity\n" + "**" * 100_000,
    "labels with colons": "## Identity\n" + "**a: " * 50_000,
    "vocabulary": "## Identity\n**Vocabulary**: " + "a," * 100_000,
    "boundaries": "## Identity\n**Domain Boundaries**: " + "defer to a, to b-c, " * 10_000,
    "addresses": "## Identity\nx\n## Knowledge Sources\n" + "- https://a.b/c\n" * 15_000,
    "blocks of yaml": "## Identity\n" + "```yaml\nmcp_servers:\n  a: {}\n```\n" * 6_000,
    "spaces": "## Identity\n" + " " * _LONG + "x",
    "modes": "## Instructions\n" + "### When Critical\n1. x\n" * 8_000,
}


def bombs() -> dict[str, str]:
    """Return every bomb by name, as an agent file's text."""
    fields = {name: f"---\nname: x\n{text}\n---\n" for name, text in FIELDS.items()}
    bodies = {name: f"---\nname: x\n---\n{text}" for name, text in BODIES.items()}
    return {**fields, **bodies}
