"""Rows of a list, laid out."""

from pathlib import Path

from ensemble.report.listing import columns

ROWS = [
    {"name": "a", "about": "short", "path": str(Path.cwd() / "agents" / "a.md")},
    {"name": "longer", "about": "one line\nand a second that goes on for a long way", "path": "/x"},
]


def test_fields_stand_under_one_another_and_paths_are_as_seen_from_here() -> None:
    first, second = columns(ROWS)

    assert first.index("short") == second.index("one line and a second")
    assert first.endswith("agents/a.md")


def test_the_longest_field_is_cut_where_a_line_would_not_fit() -> None:
    lines = columns(ROWS, width=50)

    assert max(map(len, lines)) <= 50
    assert "…" in lines[1]
    assert lines[1].endswith("/x")


def test_no_rows_make_no_lines() -> None:
    assert columns([]) == []
