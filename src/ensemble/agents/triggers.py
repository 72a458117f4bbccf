"""What calls for an agent: each pattern of `proactive_triggers`, sorted into its kind.

Files mix four kinds in one list. Globs are walked beside a path, file names are compared; a
sentence is only a hint in words. Nothing that a file says is ever compiled.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_FILE_GLOB: Final = re.compile(r"/|^\*+\.[\w*]|\.[A-Za-z0-9]{1,6}$")
_FILE_NAME: Final = re.compile(
    r"(?:Docker|Make|Jenkins|Vagrant|Rake|Gem|Proc|Pip|Brew|Just|Container)file"
    r"|\.?[\w-]+(?:\.[\w-]+)*\.[A-Za-z0-9]{1,10}|\.[a-z][\w-]+"
)
_WORDS: Final = re.compile(r"[^\W_]+")


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
        if "/" in pattern:
            return _path_matches(pattern, plain)
        return _name_matches(pattern, name)

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


def _path_matches(pattern: str, path: str) -> bool:
    """Return whether a file glob matches: `*` stops at a slash, `**` is any folders.

    Without an expression: no pattern costs more than its length times the path's.
    """
    parts = ["**" if set(part) == {"*"} and len(part) > 1 else part for part in pattern.split("/")]
    if parts[-1] in ("", "**"):
        parts[-1:] = ["**", "*"]
    return _matches(parts, path.split("/"), "**", _name_matches)


def _name_matches(pattern: str, name: str) -> bool:
    return _matches(pattern, name, "*", lambda wanted, letter: wanted in ("?", letter))


def _matches(
    pattern: Sequence[str], items: Sequence[str], star: str, meets: Callable[[str, str], bool]
) -> bool:
    """Return whether items meet a pattern in which `star` stands for any run of them."""
    wanted = place = 0
    last_star = resume = -1
    while place < len(items):
        if wanted < len(pattern) and pattern[wanted] == star:
            last_star, resume = wanted, place
            wanted += 1
        elif wanted < len(pattern) and meets(pattern[wanted], items[place]):
            wanted += 1
            place += 1
        elif last_star >= 0:
            resume += 1
            wanted, place = last_star + 1, resume
        else:
            return False
    return all(part == star for part in pattern[wanted:])
