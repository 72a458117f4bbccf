"""Agent files as people and programs break them, drawn from a fixed seed, and sound ones.

The tests draw theirs with hypothesis, which looks for the smallest that fails; these are for
counting, so that two runs read the same.
"""

import random
from collections.abc import Iterator
from typing import Any, Final

_WORDS: Final = (
    *("name", "description", "tools", "model", "escalation", "cognitive_modes", "x", "version"),
    *("proactive_triggers", "audit", "ensemble_roles", "load_bearing", "mode", "permission"),
)
_PIECES: Final = (
    *(": ", ":", "\n", "\n  ", "\n- ", "  - ", "[", "]", "{", "}", "'", '"', "|", ">", "*", "&a "),
    *("!x ", "#", "---", "\t", "\r\n", "<<: ", "%", "@", "`", ", ", "? ", "1.10", "no", "5"),
    *("\ufeff", "é", "\x00", "<function x>", "\\n", "\u202e", "# ", "## Never\n", "```\n"),
)
_TEXTS: Final = (
    *(
        "",
        "plain",
        "1.10",
        "no",
        "2026-01-02",
        "a: b",
        "- a",
        "# a",
        "---",
        "two\nlines",
        "tab\tin",
    ),
    *(" led and trailed ", "'", '"', "é", "\\n", "*a", "&a", "{a}", "[a]", "null", "~", "%", "@"),
)


def broken(count: int) -> Iterator[str]:
    """Yield texts of agent files of which hardly any is sound."""
    draw = random.Random(20)  # noqa: S311 - not for secrets
    for _ in range(count):
        parts = draw.choices(_WORDS + _PIECES, k=draw.randrange(40))
        head, body = "".join(parts), "".join(draw.choices(_PIECES, k=draw.randrange(12)))
        name = draw.choice(("name: x\n", ""))
        yield f"---\n{name}{head}\n---\n{body}"


def sound(count: int) -> Iterator[dict[str, Any]]:
    """Yield frontmatters, as deep and as odd as YAML's plain data can be."""
    draw = random.Random(20)  # noqa: S311 - not for secrets
    for _ in range(count):
        keys = draw.sample(_WORDS[1:] + _TEXTS[1:], draw.randrange(8))
        yield {"name": "x", **{key: _value(draw, 0) for key in keys}}


def _value(draw: random.Random, depth: int) -> Any:
    kind = draw.randrange(8 if depth < 4 else 6)  # noqa: PLR2004 - deep enough
    if kind < 3:  # noqa: PLR2004 - most values are texts
        return draw.choice(_TEXTS)
    if kind < 6:  # noqa: PLR2004 - the rest of the plain ones
        return draw.choice((None, True, False, draw.randrange(-(10**9), 10**9), draw.random()))
    inner = [_value(draw, depth + 1) for _ in range(draw.randrange(4))]
    return inner if kind == 6 else dict(zip(_TEXTS, inner, strict=False))  # noqa: PLR2004
