"""What calls for an agent: each pattern of `proactive_triggers`, sorted into its kind.

Files mix four kinds in one list. Globs are matched by translation to an anchored expression
of our own, file names literally; a sentence is never compiled, it is only a hint in words.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

_FILE_GLOB: Final = re.compile(r"/|^\*+\.[\w*]|\.[A-Za-z0-9]{1,6}$")
_FILE_NAME: Final = re.compile(
    r"(?:Docker|Make|Jenkins|Vagrant|Rake|Gem|Proc|Pip|Brew|Just|Container)file"
    r"|\.?[\w-]+(?:\.[\w-]+)*\.[A-Za-z0-9]{1,10}|\.[a-z][\w-]+"
)
_WORDS: Final = re.compile(r"[a-z0-9]+")


class TriggerKind(StrEnum):
    """How a trigger is matched."""

    FILE_GLOB = "file glob"
    """Against the paths of files: `*.pt`, `**/app/**/*.rb`."""
    FILE_NAME = "file name"
    """Against the last part of a path: `Dockerfile`."""
    KEYWORD_GLOB = "keyword glob"
    """Against the words of the task: `*ml*model*`, `kubernetes`."""
    SENTENCE = "sentence"
    """Against nothing: a hint in words for people."""


@dataclass(frozen=True)
class Trigger:
    """One pattern that calls for an agent."""

    text: str
    kind: TriggerKind

    def meets_path(self, path: str) -> bool:
        """Return whether a file's path, relative to what is looked at, calls for the agent."""
        plain = path.replace("\\", "/").removeprefix("./")
        name = plain.rpartition("/")[2]
        if self.kind is TriggerKind.FILE_NAME:
            return name == self.text
        if self.kind is not TriggerKind.FILE_GLOB:
            return False
        pattern = self.text.removeprefix("./").removeprefix("/")
        return _glob(pattern).fullmatch(plain if "/" in pattern else name) is not None

    def meets_text(self, text: str) -> bool:
        """Return whether a task's words call for the agent: the pattern's words, in order."""
        if self.kind is not TriggerKind.KEYWORD_GLOB:
            return False
        wanted = _WORDS.findall(self.text.lower())
        return bool(wanted) and any(_in_order(wanted, part) for part in _sentences(text))


def classify(text: str) -> Trigger:
    """Return a trigger with its kind."""
    plain = text.strip()
    if _FILE_NAME.fullmatch(plain):
        return Trigger(plain, TriggerKind.FILE_NAME)
    if any(letter.isspace() for letter in plain) and "*" not in plain:
        return Trigger(plain, TriggerKind.SENTENCE)
    if _FILE_GLOB.search(plain) and not any(letter.isspace() for letter in plain):
        return Trigger(plain, TriggerKind.FILE_GLOB)
    return Trigger(plain, TriggerKind.KEYWORD_GLOB)


def _sentences(text: str) -> list[list[str]]:
    return [_WORDS.findall(part) for part in re.split(r"[.!?\n]+\s", text.lower())]


def _in_order(wanted: list[str], words: list[str]) -> bool:
    """Return whether each wanted part begins a word, one after another."""
    place = 0
    for part in wanted:
        while place < len(words) and not words[place].startswith(part):
            place += 1
        if place == len(words):
            return False
        place += 1
    return True


@lru_cache(maxsize=4096)
def _glob(pattern: str) -> re.Pattern[str]:
    """Translate a file glob: `*` stops at a slash, `**/` is any folders, `?` one character.

    Adjacent stars become one, so that no pattern costs more than its length times the path's.
    """
    parts: list[str] = []
    for piece in re.findall(r"\*\*/|\*+|\?|[^*?]+", pattern):
        if piece == "**/":
            parts.append("(?:[^/]+/)*+")
        elif piece.startswith("**"):
            parts.append(".*")
        elif piece.startswith("*"):
            parts.append("[^/]*")
        else:
            parts.append("[^/]" if piece == "?" else re.escape(piece))
    return re.compile("".join(parts), re.DOTALL)
