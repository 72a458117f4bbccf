"""The journal's cost is measured on real prompts, all of them recorded and found again."""

import pytest

from benchmarks import journal
from benchmarks.row import Options


def test_no_two_prompts_are_alike_and_all_begin_alike() -> None:
    calls = journal.prompts(12)

    texts = [[str(message.content) for message in call.messages] for call in calls]
    assert len({call.key for call in calls}) == len({own for _, _, own in texts}) == 12
    assert len({(preamble, shared) for preamble, shared, _ in texts}) == 1
    assert "train.py" in texts[0][1]


async def test_a_round_asks_every_way_and_each_costs_something() -> None:
    measured = await journal.one_round(journal.prompts(6))

    assert min(vars(measured).values()) > 0
    assert measured.memory > measured.bare


def test_the_rows_tell_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "CALLS", 4)
    monkeypatch.setattr(journal, "ROUNDS", 2)

    rows = {row.name: row for row in journal.recording(Options())}

    assert set(rows) >= {"bare_ms", "journal_memory_ms", "journal_file_ms", "redactor_ms"}
    assert all("4 calls of" in row.how and "median of 2" in row.how for row in rows.values())
