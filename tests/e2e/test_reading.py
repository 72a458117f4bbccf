"""`whatif`, `diff` and `verify` as they are typed: nobody is asked, nothing is written."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Command

SHIPPED = Path(__file__).parents[2] / "scenarios" / "recordings" / "review"
SMALL = "scenarios/small.yaml"


def test_whatif_tries_every_change_of_a_scenarios_recording(recorded: "Command") -> None:
    document = recorded.json("whatif", SMALL)

    assert document["schema"] == "ensemble/whatif@1"
    seats = [row["seat"] for row in document["alternatives"]["seats"]]
    assert seats == ["panel[0]", "panel[1]", "auditor", "chair"]
    assert set(document["flip_rate"]) == {"seats", "rules", "quorum", "gates"}
    assert not (recorded.project / ".ensemble").exists()


def test_whatif_makes_the_changes_that_are_named(recorded: "Command") -> None:
    words = ("--drop", "panel[0]", "--rule", "majority", "--quorum", "2")

    done = recorded("whatif", SHIPPED / "expert", *words)

    assert done.returncode == 0, done.stderr
    assert "without panel[0]; rule majority; quorum 2" in done.stdout
    assert "with their words in sight: auditor/auditor#0" in done.stdout


@pytest.mark.parametrize(
    ("words", "status", "fault"),
    [
        (("whatif", SMALL, "--drop", "panel[9]"), 2, "did you mean 'panel[1]'?"),
        (("whatif", SMALL, "--gate", "data/leak"), 2, "this names no threshold"),
        (("whatif", SHIPPED / "base", "--case", "clean"), 2, "only a scenario has cases"),
        (("whatif", "r-nowhere"), 2, "no run is called 'r-nowhere'"),
        (("verify", SMALL, "--case", "other"), 3, "other"),
    ],
)
def test_what_is_not_there_is_named(
    recorded: "Command", words: tuple[str | Path, ...], status: int, fault: str
) -> None:
    done = recorded(*words)

    assert done.returncode == status, done.stderr
    assert fault in done.stderr


def test_diff_says_where_two_recordings_part(recorded: "Command") -> None:
    done = recorded("diff", SHIPPED / "base", SHIPPED / "expert")

    assert done.returncode == 1, done.stderr
    assert "First event that differs: run_started run" in done.stdout
    assert recorded.json("diff", SMALL, SMALL)["first"] is None


def test_verify_names_the_line_that_was_changed(recorded: "Command") -> None:
    events = recorded.project / "scenarios" / "recordings" / "small" / "base" / "events.jsonl"
    whole = recorded.json("verify", SMALL)
    lines = events.read_bytes().split(b"\n")
    lines[1] = lines[1].replace(b"May the", b"Must the", 1)
    events.write_bytes(b"\n".join(lines))

    document = recorded.json("verify", SMALL, status=3)

    assert whole["whole"]
    assert not document["whole"]
    assert "line 2 was changed" in document["checks"][0]["saw"]
