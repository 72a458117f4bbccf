"""Keys of turns, and of what happens in them: `panel[0]/panel_member#0/model#0`, written and read.

Other keys, such as `decision`, are read as a path alone. Has never heard of what a seat or a
role is.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

_MODEL: Final = "model#"


class Place(NamedTuple):
    """Where somebody sits: `panel[10]` sorts after `panel[9]`."""

    seat: str
    number: int
    """The place in the seat; 0 where one agent holds the seat by itself."""


@dataclass(frozen=True)
class TurnKey:
    """The key of a turn, or of a call in it."""

    path: str
    """The seat and the place in it: `panel[0]`, or `chair`."""
    role: str = ""
    occurrence: int = 0
    """How often the path had been entered in this role before."""
    call: str = ""
    """What is called in the turn, `model#0`; empty for the turn itself."""

    @classmethod
    def read(cls, key: str) -> "TurnKey":
        """Return what a key is made of."""
        path, _, rest = key.partition("/")
        turn, _, call = rest.partition("/")
        role, _, number = turn.partition("#")
        return cls(path, role, int(number) if number.isdecimal() else 0, call)

    def __str__(self) -> str:
        return f"{self.turn}/{self.call}" if self.call else self.turn

    @property
    def turn(self) -> str:
        """The key of the turn alone."""
        return f"{self.path}/{self.role}#{self.occurrence}" if self.role else self.path

    @property
    def place(self) -> Place:
        """Where who takes the turn sits."""
        return place_of(self.path)

    @property
    def is_of_model(self) -> bool:
        """Whether a model is called, or a person in its stead."""
        return self.call.startswith(_MODEL)

    def of_model(self, number: int) -> str:
        """Return the key of the turn's call of a model."""
        return f"{self.turn}/{_MODEL}{number}"


def place_of(path: str) -> Place:
    """Return the place that a path names."""
    seat, _, number = path.removesuffix("]").partition("[")
    return Place(seat, int(number) if number.isdecimal() else 0)
