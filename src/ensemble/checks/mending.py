"""The repairs that reading makes, written out: a file's rows as they were understood.

Each repair is written back the way a person would: quotes round the one text, the list below
its key, the lines of one text joined. Comments and everything else stay as they are.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from ensemble.agents.library import Agent
from ensemble.agents.repairs import Repair, is_fence

_VALUE: Final = re.compile(r"(\s*(?:- +)?(?:[\w.-]+:(?= ) *)?)(\S.*)")
_LIST_ON_KEY: Final = re.compile(r"(\s*)([\w.-]+:)\s+(- .*)")
_JOINED: Final = re.compile(r": ([\w.-]+), (\d+) lines$")
_PROSE: Final = frozenset({"description", "prompt", "initialPrompt"})
"""Keys whose lines are one text and nothing else, so that joining them loses nothing."""
WRITTEN_OUT: Final = frozenset(
    {"R01", "R02", "R03", "R04", "R05", "R06", "R07", "R08", "R09", "R10", "R11"}
)
"""Repairs that can be written out; the others need a person who knows what was meant."""


def mended(rows: Sequence[str], agent: Agent) -> list[str]:
    """Return the file's rows with the agent's repairs written out.

    Args:
        rows: the file, with plain line ends and no byte order mark.
        agent: what was read of it.
    """
    start = next((number for number, row in enumerate(rows) if row.strip()), 0)
    end = next((n for n in range(start + 1, len(rows)) if is_fence(rows[n])), None)
    if end is None or not is_fence(rows[start]):
        return list(rows)
    fields = cast("Mapping[str, Any]", agent.document.value)
    head = {number: [row.replace("\t", "  ")] for number, row in enumerate(rows[:end], 1)}
    for repair in agent.repairs:
        _write_out(repair, head, fields)
    inside = [row for number in range(start + 2, end + 1) for row in head[number]]
    if any(repair.code == "R08" for repair in agent.repairs):
        inside = _moved_left(inside)
    return ["---", *inside, "---", *rows[end + 1 :]]


def _write_out(repair: Repair, head: dict[int, list[str]], fields: Mapping[str, Any]) -> None:
    """Change the rows of the head that one repair is about."""
    row = "".join(head.get(repair.line, [])[:1])
    if repair.code == "R07":
        head[repair.line] = []
    elif repair.code == "R09" and (match := _LIST_ON_KEY.fullmatch(row)):
        after = "".join(head.get(repair.line + 1, [])[:1])
        indent = len(after) - len(after.lstrip())
        below = after.lstrip().startswith("- ") and indent > len(match[1])
        spaces = " " * (indent if below else len(match[1]) + 2)
        head[repair.line] = [f"{match[1]}{match[2]}", f"{spaces}{match[3]}"]
    elif repair.code == "R10" and (match := _VALUE.fullmatch(row.rstrip())):
        quoted = match[2].replace("'", "''")
        head[repair.line] = [f"{match[1]}'{quoted}'"]
    elif repair.code == "R11" and (joined := _JOINED.search(repair.message)):
        key, count = joined[1], int(joined[2])
        if key in _PROSE and isinstance(fields.get(key), str):
            text = json.dumps(fields[key], ensure_ascii=False)
            head[repair.line] = [f"{key}: {text}"]
            for number in range(repair.line + 1, repair.line + count):
                head[number] = [row for row in head.get(number, []) if row.startswith("#")]


def _moved_left(rows: Sequence[str]) -> list[str]:
    indents = [len(row) - len(row.lstrip()) for row in rows if row.strip()]
    least = min(indents, default=0)
    return [row[least:] if row.strip() else row for row in rows]
