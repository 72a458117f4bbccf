"""How many tokens a prompt has, whether it fits its window, and what gives way where it does not.

Who has the model's own tokenizer counts with it; for all others there are three figures: the
fewest that a prompt can have, about how many it has, and the most. Nothing is cut: a call that
does not fit fails before it is sent, and whoever asked may ask again with less. Has never heard
of evidence: the call itself says what may give way.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ensemble.models.provider import Failure, ModelCall, ModelFailure

if TYPE_CHECKING:
    from langchain_core.messages import BaseMessage


def _kind_of(byte: int) -> str:
    char = chr(byte)
    if not char.isascii():
        return "x"
    if char.isalnum():
        return "a" if char.isalpha() else "0"
    return " " if char.isspace() or char == "_" else "."


_TOKENS_PER_MESSAGE: Final = 8
"""What a chat template puts around a message: two marks, a role, line breaks."""
_LETTERS_PER_TOKEN: Final = 6
_PIECES: Final = re.compile(r"[A-Za-z]+|\d|[!-/:-@\[-`{-~]{1,2}|\n| {2,}|[^\x00-\x7f]")
_LARGEST: Final = re.compile(
    r"[A-Za-z]{1,16}|[\u00c0-\u1fff]{1,8}|\d{1,3}|[\u3000-\ud7ff]{1,2}"
    r"|([^\w\s])\1{2,}|[^\w\s]{1,6}"
)
"""What the largest of today's vocabularies have a single token for, and more."""
_KINDS: Final = bytes.maketrans(
    bytes(range(256)),
    bytes(ord(_kind_of(code)) for code in range(256)),
)
"""Each byte's kind: letter, digit, space, sign, or part of what lies beyond ASCII."""
_RUNS: Final = {b"a": 16, b"0": 3, b".": 3}
"""How many of a run of one kind are a token's at least, but for the last."""
_READ_AT_LEAST: Final = 0.8
"""The share of the fewest tokens that a model has read, if it read them all."""


def counted(messages: Iterable[Mapping[str, Any]]) -> int:
    """Estimate the tokens of messages, by classes of characters.

    A word has a token for every six letters begun, a digit one, two signs one, a line break
    and an indent one each, a letter beyond ASCII one less than its bytes.

    Calibrated on SmolLM2's tokenizer, whose vocabulary of 49,152 is small, so that others
    count less: agent files, code, JSON and Markdown come out 2 % too low to 23 % too high,
    German a third too low. `python -m benchmarks embedded` measures it again.
    """
    return sum(_TOKENS_PER_MESSAGE + text_tokens(str(message["content"])) for message in messages)


def text_tokens(text: str) -> int:
    """Estimate the tokens of a text as `counted` does."""
    return sum(map(_tokens_of_piece, _PIECES.findall(text)))


def most_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    """Return how many tokens messages have at most, whoever counts: none is less than a byte."""
    sizes = (len(str(message["content"]).encode()) for message in messages)
    return sum(_TOKENS_PER_MESSAGE + size for size in sizes)


def fewest_tokens(messages: Iterable[Mapping[str, Any]]) -> int:
    """Return how many tokens messages have at least, whoever counts.

    A token holds at most 16 letters, 8 of them beyond ASCII, three digits, two characters of
    Chinese, Japanese or Korean, six signs, or one sign repeated. White space counts as nothing.

    Held against four vocabularies, of 49,152 to 200,000 tokens: English, code, German, CSV, JSON
    and Chinese have more in each of them; at most 2.1 times as many, Chinese 3.2 times.
    """
    return sum(len(_LARGEST.findall(str(message["content"]))) for message in messages)


def refuse_cut(call: ModelCall, read: int | None) -> None:
    """Fail where a server has read less than what it was sent.

    Args:
        call: what was sent.
        read: the prompt's tokens as the server reports them; None where it does not.

    Raises:
        ModelFailure: of the class `context`.
    """
    if not read or read >= _READ_AT_LEAST * fewest_at_most(call.plain):
        return
    if read < _READ_AT_LEAST * (fewest := fewest_tokens(call.plain)):
        text = f"the prompt was cut: at least {fewest} tokens sent, {read} read"
        raise ModelFailure(Failure.CONTEXT, text)


def fewest_at_most(messages: Iterable[Mapping[str, Any]]) -> int:
    """Return no less than `fewest_tokens`, from runs of one kind of byte: 50 times as fast."""
    kinds = b" ".join(str(message["content"]).encode() for message in messages).translate(_KINDS)
    found = kinds.count(b"x")
    for kind, longest in _RUNS.items():
        begun = sum(kinds.count(other + kind) for other in (b" ", b"x", *_RUNS) if other != kind)
        runs = begun + kinds.startswith(kind)
        found += runs + (kinds.count(kind) - runs) // longest
    return found


def surely_fits(call: ModelCall, window: int) -> bool:
    """Return whether a call fits, whoever counts."""
    return most_tokens(call.plain) + call.params.max_tokens <= window


def refuse_misfit(call: ModelCall, window: int, tokens: int | None = None) -> None:
    """Fail where the prompt and the longest answer do not fit the window together.

    Args:
        call: what would be sent.
        window: the model's, in tokens.
        tokens: the prompt's, by the model's own tokenizer; None estimates them.

    Raises:
        ModelFailure: of the class `context`; its `over` says how many tokens are too many.
    """
    if tokens is None and surely_fits(call, window):
        return
    own = tokens is not None
    tokens = tokens if own else counted(call.plain)
    answer = call.params.max_tokens
    if tokens + answer > window:
        told = f"{tokens} prompt tokens" if own else f"about {tokens} prompt tokens"
        text = f"{told} and {answer} for the answer do not fit the window of {window}: not sent"
        raise ModelFailure(Failure.CONTEXT, text, over=tokens + answer - window)


def shortened(call: ModelCall, over: int | None) -> ModelCall | None:
    """Return the call with less of what may give way; None where nothing more can.

    Nothing gives way in the system prompt, nor in what the model said itself.

    Args:
        call: what did not fit.
        over: how many tokens were too many; None, where nobody counted, shortens all.
    """
    messages, saved = list(call.messages), 0
    rest = list(call.gives_way)
    while rest and (over is None or saved < over):
        whole, brief = rest.pop(0)
        for place, message in enumerate(messages):
            if message.type == "human" and whole in (text := str(message.content)):
                messages[place] = _saying(message, text.replace(whole, brief))
                saved += text.count(whole) * (text_tokens(whole) - text_tokens(brief))
    if not saved:
        return None
    return replace(call, messages=tuple(messages), gives_way=tuple(rest))


def _saying(message: "BaseMessage", text: str) -> "BaseMessage":
    return message.model_copy(update={"content": text})


def _tokens_of_piece(piece: str) -> int:
    if not piece.isascii():
        return len(piece.encode()) - 1
    return -(-len(piece) // _LETTERS_PER_TOKEN) if piece.isalpha() else 1
