"""The shapes that a drawing is made of, before anyone knows how they look."""

from dataclasses import dataclass

Point = tuple[float, float]


@dataclass(frozen=True)
class Size:
    """Width and height in pixels."""

    width: float
    height: float


@dataclass(frozen=True)
class Box:
    """A placed rectangle; `x` and `y` are its centre."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> float:
        """The x of its left side."""
        return self.x - self.width / 2

    @property
    def right(self) -> float:
        """The x of its right side."""
        return self.x + self.width / 2

    @property
    def top(self) -> float:
        """The y of its upper side."""
        return self.y - self.height / 2

    @property
    def bottom(self) -> float:
        """The y of its lower side."""
        return self.y + self.height / 2


@dataclass(frozen=True)
class Link:
    """A way to be placed: from one box to another, with room for its label."""

    source: str
    target: str
    label: Size


@dataclass(frozen=True)
class Route:
    """A placed way: its points, and the box of its label."""

    points: tuple[Point, ...]
    label: Box
    back: bool
    """Whether it leads back, along right angles; else it is level through each pair of points."""
