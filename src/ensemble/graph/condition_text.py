"""Conditions as scenario files write them: `split & ~unsure`, `found(HIGH) or escalates`.

The text is parsed as a Python expression and never run: only the words of `CONDITIONS`, with
`&`, `|`, `~` or `and`, `or`, `not` between them, mean anything.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Final

from ensemble.errors import InvalidFile, closest
from ensemble.graph.routing import (
    Condition,
    escalates,
    found,
    learned,
    majority,
    split,
    unsure,
)
from ensemble.roles import Severity

CONDITIONS: Final[Mapping[str, Callable[[], Condition]]] = {
    "found": found,
    "split": split,
    "majority": majority,
    "unsure": unsure,
    "escalates": escalates,
    "learned": learned,
}
"""Every condition by its word; `found` takes a severity, too."""
LONGEST: Final = 200


def parse_condition(text: str, *, where: str = "when") -> Condition:
    """Return the condition that `text` writes down.

    Raises:
        InvalidFile: a word of it is no condition, or it is put together in another way;
            `where` names its file and line.
    """
    if len(text) > LONGEST:
        raise InvalidFile(
            f"a condition of {len(text)} characters",
            where=where,
            fix="name it in a graph file: one function that returns a `Condition`",
        )
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise _unreadable(text, where) from error
    return _read(tree.body, text, where)


def _read(node: ast.expr, text: str, where: str) -> Condition:
    match node:
        case ast.Name(id=word):
            return _known(word, where)()
        case ast.Call(func=ast.Name(id="found"), args=[severity], keywords=[]):
            return found(_severity(severity, where))
        case ast.BinOp(op=ast.BitAnd(), left=left, right=right):
            return _read(left, text, where) & _read(right, text, where)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _read(left, text, where) | _read(right, text, where)
        case ast.BoolOp(op=operator, values=[first, *others]):
            made = _read(first, text, where)
            for other in others:
                read = _read(other, text, where)
                made = made & read if isinstance(operator, ast.And) else made | read
            return made
        case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
            return ~_read(operand, text, where)
        case ast.Call(func=ast.Name(id=word)):
            _known(word, where)
            takes = "one severity" if word == "found" else "nothing in brackets"
            fix = "e.g. `found(HIGH)`" if word == "found" else f"write `{word}`"
            raise InvalidFile(f"{word!r} takes {takes}", where=where, fix=fix)
        case _:
            raise _unreadable(text, where)


def _known(word: str, where: str) -> Callable[[], Condition]:
    if word not in CONDITIONS:
        raise InvalidFile(
            f"no condition is called {word!r}",
            where=where,
            fix=closest(word, CONDITIONS, kind="condition"),
        )
    return CONDITIONS[word]


def _severity(node: ast.expr, where: str) -> Severity:
    word = node.id if isinstance(node, ast.Name) else getattr(node, "value", None)
    if word not in list(Severity):
        told = ast.unparse(node)
        raise InvalidFile(
            f"found: {told} is no severity",
            where=where,
            fix=closest(told, [s.value for s in Severity]),
        )
    return Severity(word)


def _unreadable(text: str, where: str) -> InvalidFile:
    return InvalidFile(
        f"the condition {text!r} cannot be read",
        where=where,
        fix="put words together with `&`, `|` and `~`, e.g. `split & ~unsure`",
    )
