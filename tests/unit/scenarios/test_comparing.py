"""Two runs side by side: the first event that differs, and what came of it."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ensemble.journal.record import Event
from ensemble.report.diff_text import diff_text
from ensemble.scenarios.comparing import compare

if TYPE_CHECKING:
    from conftest import Rewrite, Shipped

REPLY = "panel[1]/panel_member#0/model#0"


def edited(event: Event, **changes: Any) -> Event:
    return replace(event, body={**event.body, "value": {**event.value, **changes}})


def test_a_run_is_the_same_as_itself(shipped: "Shipped") -> None:
    folder = shipped("expert")

    document = compare(folder, folder)

    assert document["same"]
    assert document["first"] is None
    assert document["findings"] == {"a": [], "b": [], "both": 15}
    assert "No event differs." in diff_text(document)


def test_what_may_differ_between_equal_runs_is_no_difference(
    shipped: "Shipped", rewrite: "Rewrite"
) -> None:
    one, other = shipped("base"), shipped("base", "other")

    rewrite(other, lambda events: [replace(event, at=event.at + 9) for event in events])

    assert compare(one, other)["same"]


def test_the_first_event_that_differs_is_named_with_its_field(
    shipped: "Shipped", rewrite: "Rewrite"
) -> None:
    one, other = shipped("base"), shipped("base", "other")

    def of_another_mind(events: list[Event]) -> list[Event]:
        turn = REPLY.removesuffix("/model#0")
        changes: dict[str, dict[str, Any]] = {REPLY: {"text": "no"}, turn: {"position": "reject"}}
        told = ("model_replied", "turn_ended")
        return [edited(e, **changes[e.key]) if e.key in changes and e.event in told else e
                for e in events]  # fmt: skip

    rewrite(other, of_another_mind)
    first = compare(one, other)["first"]

    assert (first["event"], first["key"], first["in"]) == ("model_replied", REPLY, ["a", "b"])
    assert [(field["field"], field["b"]) for field in first["fields"]] == [("value.text", "no")]


def test_an_event_of_one_alone_is_told_so(shipped: "Shipped", rewrite: "Rewrite") -> None:
    one, other = shipped("base"), shipped("base", "other")

    rewrite(other, lambda events: [e for e in events if e.event != "escalated"])
    document = compare(one, other)

    assert document["first"] == {
        "event": "escalated",
        "key": "panel[0]/panel_member#0",
        "attempt": 1,
        "in": ["a"],
        "fields": [],
    }
    assert "a alone has it" in diff_text(document)


def test_positions_reasons_findings_and_seats_stand_side_by_side(shipped: "Shipped") -> None:
    document = compare(shipped("base"), shipped("clean"))

    assert document["position"] == {"a": "request-changes", "b": "promote"}
    assert document["authority"] == {"a": "advisory", "b": "decided"}
    assert len(document["reasons"]["a"]) == 4
    assert [item["by"] for item in document["findings"]["b"]] == ["panel[1]"]
    assert [seat["b"]["served"] for seat in document["seats"]] == ["manual/person"] * 5
    assert document["usage"]["model_calls"] == {"a": 5, "b": 5}


def test_long_texts_are_cut_to_where_they_part(shipped: "Shipped") -> None:
    document = compare(shipped("base"), shipped("clean"))
    document["first"]["fields"] = [{"field": "text", "a": "x" * 500 + "a", "b": "x" * 500 + "b"}]

    lines = diff_text(document).splitlines()

    assert lines[-2].strip() == "a: …" + "x" * 30 + 'a"'
    assert lines[-1].strip() == "b: …" + "x" * 30 + 'b"'
