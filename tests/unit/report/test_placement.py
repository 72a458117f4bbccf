"""Where things go: nothing on top of anything, whatever the topology."""

from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.report.placement import Placement, place
from ensemble.report.shapes import Box, Link, Size

NAMES = ["start", *"abcdefg"]
SIZES = {name: Size(60 + 11 * n, 30 + 7 * n) for n, name in enumerate(NAMES)}


def a_link(source: str, target: str) -> Link:
    return Link(source, target, Size(70, 22))


some_links = st.lists(
    st.builds(a_link, st.sampled_from(NAMES), st.sampled_from(NAMES[1:])), min_size=1, max_size=14
)


@given(links=some_links)
@settings(deadline=None)
def test_no_box_and_no_label_lies_on_another(links: list[Link]) -> None:
    placed = place(SIZES, links, start="start")

    shapes = [*placed.boxes.values(), *(route.label for route in placed.routes)]
    assert [pair for pair in combinations(shapes, 2) if overlap(*pair)] == []


@given(links=some_links)
@settings(deadline=None)
def test_no_way_runs_through_a_box(links: list[Link]) -> None:
    placed = place(SIZES, links, start="start")

    assert crossed(placed) == []


@given(links=some_links)
@settings(deadline=None)
def test_a_way_begins_at_its_source_and_ends_at_its_target(links: list[Link]) -> None:
    placed = place(SIZES, links, start="start")

    for link, route in zip(links, placed.routes, strict=True):
        assert touches(placed.boxes[link.source], route.points[0])
        assert touches(placed.boxes[link.target], route.points[-1])


def test_boxes_stand_in_columns_by_the_longest_path() -> None:
    links = [
        a_link("start", "a"),
        a_link("a", "b"),
        a_link("b", "c"),
        a_link("a", "c"),
        a_link("c", "a"),
    ]

    placed = place({name: SIZES[name] for name in ["start", *"abc"]}, links, start="start")

    x = [placed.boxes[name].x for name in ["start", *"abc"]]
    assert x == sorted(set(x))
    assert [route.back for route in placed.routes] == [False, False, False, False, True]


def test_a_straight_chain_is_drawn_level() -> None:
    links = [a_link("start", "a"), a_link("a", "b")]

    placed = place({name: SIZES[name] for name in ["start", *"ab"]}, links, start="start")

    assert {round(box.y, 6) for box in placed.boxes.values()} == {0}


def test_a_box_that_nothing_leads_to_is_still_placed() -> None:
    placed = place(SIZES, [a_link("start", "a"), a_link("b", "b")], start="start")

    assert placed.boxes.keys() == SIZES.keys()
    assert placed.boxes["start"].x < min(placed.boxes[name].x for name in NAMES[1:])


def overlap(one: Box, two: Box) -> bool:
    """Return whether two boxes share more than an edge; sums of floats are no sharper."""
    beside = one.right <= two.left + 1e-6 or two.right <= one.left + 1e-6
    return not (beside or one.bottom <= two.top + 1e-6 or two.bottom <= one.top + 1e-6)


def crossed(placed: Placement) -> list[tuple[Box, int]]:
    """Return the boxes inside which some piece of a way runs: by the rectangle round the piece.

    A curve stays in the rectangle between its ends, as does a straight piece.
    """
    return [
        (box, number)
        for number, route in enumerate(placed.routes)
        for (x0, y0), (x1, y1) in pairwise(route.points)
        for box in placed.boxes.values()
        if overlap(box, Box((x0 + x1) / 2, (y0 + y1) / 2, abs(x1 - x0), abs(y1 - y0)))
    ]


def touches(box: Box, point: tuple[float, float]) -> bool:
    x, y = point
    return box.left - 1e-6 <= x <= box.right + 1e-6 and box.top - 1e-6 <= y <= box.bottom + 1e-6
