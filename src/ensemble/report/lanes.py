"""Ways that run below all boxes of a drawing: back to an earlier box, or down to a shared one.

From a box with others beneath it they leave sideways and pass the column in its gap.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ensemble.report.shapes import Box, Link, Point, Route

BESIDE_A_BOX: Final = 11.0
BELOW_ALL: Final = 22.0
BETWEEN_LANES: Final = 14.0
BETWEEN_WAYS: Final = 7.0


def lanes(
    links: Mapping[int, Link], boxes: Mapping[str, Box], floor: float
) -> tuple[dict[int, Route], float]:
    """Place the links that lead back, each in a lane of its own below `floor`.

    Returns:
        The route of each link by its number, and the y below all of them.
    """
    routes: dict[int, Route] = {}
    used: dict[str, int] = {}
    y = floor + BELOW_ALL if links else floor
    shortest_first = sorted(links, key=lambda number: _span(links[number], boxes))
    for number in shortest_first:
        link = links[number]
        source, target = boxes[link.source], boxes[link.target]
        level = y + link.label.height / 2
        for name in (f"from {link.source}", f"to {link.target}"):
            used[name] = used.get(name, 0) + 1
        nth_out, nth_in = used[f"from {link.source}"], used[f"to {link.target}"]
        down = way_down(source, boxes.values(), side=1, nth=nth_out, to=level)
        up = way_down(target, boxes.values(), side=-1, nth=nth_in, to=level)
        middle = (down[-1][0] + up[-1][0]) / 2
        label = Box(middle, level, link.label.width, link.label.height)
        routes[number] = Route((*down, *reversed(up)), label, back=True)
        y = level + link.label.height / 2 + BETWEEN_LANES
    return routes, y


def way_down(box: Box, boxes: Iterable[Box], *, side: int, nth: int, to: float) -> Sequence[Point]:
    """Return the points of a way from `box` down to the height `to`.

    Args:
        box: where it begins.
        boxes: all boxes; those of the same column are passed.
        side: 1 leaves to the right, -1 to the left, 0 from the middle where nothing is beneath.
        nth: which way of the box on that side it is, from 1; a later one runs further out.
        to: where it ends.
    """
    column = [other for other in boxes if other.x == box.x]
    if all(other.y <= box.y for other in column):
        x = box.x + side * box.width / 2 * nth / (nth + 1)
        return [(x, box.bottom), (x, to)]
    widest = max(column, key=lambda other: other.width)
    toward = side or 1
    out = widest.x + toward * (widest.width / 2 + BESIDE_A_BOX + BETWEEN_WAYS * nth)
    y = box.y + box.height / 4
    return [(box.x + toward * box.width / 2, y), (out, y), (out, to)]


def _span(link: Link, boxes: Mapping[str, Box]) -> float:
    return abs(boxes[link.source].x - boxes[link.target].x)
