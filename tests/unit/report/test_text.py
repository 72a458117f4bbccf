"""The screen of a run: authority first, then the reasons, the decision, what was measured, cost."""

from typing import Any

import pytest

from ensemble.report.text import screen

RESULT: dict[str, Any] = {
    "run": "r-1",
    "error": None,
    "waiting": [],
    "scenario": "review",
    "case": None,
    "status": "completed",
    "authority": "advisory",
    "authority_reasons": ["the embedded model served chair", "CRITICAL findings are open: G1"],
    "witnesses": {"seated": 2, "answered": 1, "effective": 1.0},
    "decision": {
        "seat": "chair",
        "position": "reject",
        "fixed_by_rule": "on_gate_failed: leak (L1)",
        "result": "Rows stand twice.",
        "confidence": {"level": "high", "probability": None, "calibrated": False},
        "dispositions": [{"finding": "F1", "state": "accepted", "reason": ""}],
        "minority": [{"seat": "panel[0]", "position": "promote", "result": "fine"}],
        "claims": [{"text": "No row is shared", "state": "refuted", "evidence": "L1"}],
    },
    "findings": [
        {
            "id": "F1",
            "severity": "HIGH",
            "title": "No seed",
            "location": "train.py:17",
            "by": "auditor",
            "evidence": None,
        },
        {
            "id": "G1",
            "severity": "CRITICAL",
            "title": "gate leak failed",
            "location": "",
            "by": "lab",
            "evidence": "L1",
        },
    ],
    "evidence": [
        {
            "id": "L1",
            "tool": "check_data",
            "cached": True,
            "status": "ok",
            "gates": [
                {"name": "leak", "passed": False, "value": 3, "threshold": 0},
                {"name": "balance", "passed": None, "detail": "too few rows"},
            ],
            "value": {},
        },
        {
            "id": "L2",
            "tool": "train",
            "cached": False,
            "status": "ok",
            "gates": [],
            "value": {"val_accuracy": 0.98765, "epochs": 3, "name": "x"},
        },
        {
            "id": "L3",
            "tool": "train",
            "cached": False,
            "status": "timeout",
            "error": "not done after 5 s",
            "gates": [],
            "value": {},
        },
    ],
    "turns": [
        {
            "key": "chair/decision_maker#0",
            "agent": "senior-architect",
            "position": "reject",
            "status": "answered",
            "served": "embedded/x",
            "usage": {
                "input_tokens": 100,
                "cached_tokens": 60,
                "output_tokens": 7,
                "seconds": 1.26,
                "tokens_per_s": 5.6,
                "from_cache": 1,
            },
        },
        {
            "key": "panel[0]/panel_member#0",
            "agent": "skeptic",
            "position": None,
            "status": "failed",
            "served": None,
            "usage": {},
            "problem": "no model answered",
            "fallbacks": [
                {"model": "test/m", "class": "server", "error": "HTTP 500:\nstub says no"},
                {"model": "test/n", "class": "auth", "error": "HTTP 401"},
            ],
        },
    ],
    "escalations": [],
    "usage": {
        "model_calls": 2,
        "input_tokens": 100,
        "cached_tokens": 60,
        "output_tokens": 7,
        "usd": 0.0123,
        "priced": "all",
        "wall_s": 3.2,
        "cache": {"on": True, "replies": 1, "usd_saved": 0.004},
    },
    "expectations": [
        {"name": "position reject", "held": True, "saw": "as expected"},
        {"name": "usage", "held": False, "saw": "model_calls 2"},
    ],
    "journal": "runs/r-1/events.jsonl",
    "digest": "sha256:abc",
}


def test_the_screen_of_a_run() -> None:
    assert screen(RESULT, notes=["recorded in somewhere"]) == (
        "ADVISORY: reject    review, completed\n"
        "  - the embedded model served chair\n"
        "  - CRITICAL findings are open: G1\n"
        "  1 of 2 voters answered, 1 different models among them\n"
        "\n"
        "The position is fixed by rule: on_gate_failed: leak (L1)\n"
        "chair (confidence high, uncalibrated): Rows stand twice.\n"
        "  refuted by L1: No row is shared\n"
        "Of another mind: panel[0] promote\n"
        "\n"
        "Findings:\n"
        "  F1  HIGH      accepted  auditor  No seed (train.py:17)\n"
        "  G1  CRITICAL  open      L1       gate leak failed\n"
        "\n"
        "Measured:\n"
        "  L1  check_data, cached  FAILED   leak: 3 against 0\n"
        "                          open     balance: too few rows\n"
        "  L2  train                        val_accuracy 0.9877, epochs 3\n"
        "  L3  train               timeout  not done after 5 s\n"
        "\n"
        "Seats:\n"
        "  chair/decision_maker#0   senior-architect  reject  "
        "embedded/x (from the cache)  100 in (60 cached), 7 out  1.3 s, 5.6 tokens/s\n"
        "  panel[0]/panel_member#0  skeptic           failed  "
        "nobody                       0 in (0 cached), 0 out     0.0 s\n"
        "\n"
        "Lost:\n"
        "  panel[0]/panel_member#0  HTTP 500: stub says no (test/m, server)\n"
        "\n"
        "Cost: 2 model calls, 100 in (60 cached), 7 out tokens, 0.0123 USD, 3.2 s\n"
        "From the cache: 1 of the replies, at no cost, which had cost 0.0040 USD\n"
        "\n"
        "Expectations: 1 of 2 held\n"
        "  not held: usage: model_calls 2\n"
        "\n"
        "recorded in somewhere\n"
        "Journal: runs/r-1/events.jsonl\n"
        "Digest: sha256:abc"
    )


def test_a_run_without_a_decision_says_so_first() -> None:
    shown = screen({**RESULT, "decision": None, "status": "paused", "case": "expert"})

    assert shown.startswith("PAUSED: no decision yet    review (expert)\n")
    assert "Expectations" not in shown


def test_a_question_that_waits_is_shown_whole_with_the_way_to_answer_it() -> None:
    waiting: list[dict[str, Any]] = [
        {"key": "panel[0]/solo#0/human#0", "question": "Ship it?\n\nF1: no", "choices": ["a", "b"]},
        {"key": "chair/solo#0/model#0", "question": "a person has to answer", "choices": []},
    ]

    shown = screen({**RESULT, "decision": None, "status": "paused", "waiting": waiting})

    assert shown.startswith(
        "PAUSED: no decision yet    review\n"
        "\n"
        "Waiting:\n"
        "  panel[0]/solo#0/human#0\n"
        "  | Ship it?\n"
        "  | \n"
        "  | F1: no\n"
        "    answer: ensemble resume r-1 --answer panel[0]='a | b[: why]'\n"
        "  chair/solo#0/model#0\n"
        "    read:   runs/r-1/manual/chair.solo.0.model.0.prompt.md\n"
        "    answer: in runs/r-1/manual/chair.solo.0.model.0.answer.md, then ensemble resume r-1\n"
    )


def test_a_run_that_ended_early_says_why_and_is_not_gone_on_with() -> None:
    error = "run: the run took longer than 5 s\n  fix: raise `limits.wall_s`"

    shown = screen({**RESULT, "decision": None, "status": "over_limit", "error": error})

    assert shown.startswith(
        "OVER_LIMIT: no decision    review\n"
        "  run: the run took longer than 5 s\n"
        "    fix: raise `limits.wall_s`\n"
    )
    assert "resume" not in shown


@pytest.mark.parametrize(
    ("usage", "money"),
    [
        ({"priced": "none", "usd": None}, "price unknown"),
        ({"priced": "some", "usd": 0.5}, "0.5000 USD and more"),
        ({"priced": "none", "usd": None, "model_calls": 0}, "no cost"),
        ({"priced": "all", "usd": 0.0}, "0.0000 USD"),
    ],
)
def test_money_is_named_only_where_it_is_known(usage: dict[str, Any], money: str) -> None:
    shown = screen({**RESULT, "usage": {**RESULT["usage"], **usage}})

    assert f" tokens, {money}, 3.2 s" in shown


def test_an_escalation_says_who_asked_whom_and_why() -> None:
    escalation = {
        "by": "panel[0]",
        "agent": "skeptic",
        "to": "human",
        "confidence": "low",
        "threshold": 0.6,
    }

    shown = screen({**RESULT, "escalations": [escalation]})

    assert "Escalated:\n  panel[0] (skeptic)  to human  confidence low" in shown


def test_no_line_of_prose_is_wider_than_the_screen() -> None:
    decision = {**RESULT["decision"], "result": "word " * 200}

    shown = screen({**RESULT, "decision": decision})

    assert max(len(line) for line in shown.splitlines() if "word" in line) <= 100
    assert shown.count("word") == 200


def test_where_no_reply_came_from_the_cache_no_number_stands() -> None:
    spared = {"on": True, "replies": 0, "usd_saved": None}

    shown = screen({**RESULT, "usage": {**RESULT["usage"], "cache": spared}})

    assert "\nNone of the replies came from the cache\n" in shown
