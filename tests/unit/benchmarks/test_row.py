"""A figure and its goal."""

import pytest

from benchmarks.row import Row, median_row


@pytest.mark.parametrize(
    ("value", "goal", "held"), [(1.0, 1.0, True), (1.01, 1.0, False), (9.0, None, None)]
)
def test_a_goal_is_held_up_to_and_with_its_figure(
    value: float, goal: float | None, held: object
) -> None:
    row = Row("help_cpu_s", value, "CPU-s", "once", goal)

    document = row.document()

    assert document["held"] is held
    assert set(document) == {"name", "value", "unit", "goal", "held", "how"}


def test_a_figure_measured_often_is_its_median_and_tells_its_spread() -> None:
    row = median_row("x", [9.0, 1.0, 2.0], "s", "ensemble --help", goal=3)

    assert row.value == 2.0
    assert row.how == "ensemble --help; median of 3, 1 to 9"
    assert row.held
