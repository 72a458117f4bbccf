"""What the command prints: results on stdout, progress on stderr, documents with every field."""

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from conftest import Answering, Command

SMALL = "scenarios/small.yaml"


def test_results_go_to_stdout_and_progress_to_stderr(
    command: "Command", answering: "Answering"
) -> None:
    done = command("run", SMALL)

    assert "Digest: sha256:" in done.stdout
    assert "begins, asks" not in done.stdout
    assert "panel[0]/panel_member#0: begins, asks test/model\n" in done.stderr
    assert "chair/decision_maker#0: answered by test/model" in done.stderr
    assert "Digest" not in done.stderr


def test_quiet_leaves_the_progress_out(command: "Command", answering: "Answering") -> None:
    done = command("run", SMALL, "--quiet")

    assert done.stderr == ""
    assert done.stdout.startswith("ADVISORY")


def test_the_json_document_has_every_field(command: "Command", answering: "Answering") -> None:
    result = command.json("run", SMALL)

    missing = {name: FIELDS[name] - keys(result[name]) for name in FIELDS}
    assert not any(missing.values()), missing
    assert keys(result) >= {*FIELDS, *PLAIN}
    assert result["schema"] == "ensemble/result@1"
    assert (result["scenario"], result["case"], result["status"]) == ("small", None, "completed")
    assert result["authority"] == "advisory"
    assert result["authority_reasons"] == ["2 answers come from 1 model"]
    assert [turn["key"] for turn in result["turns"]] == [
        "panel[0]/panel_member#0",
        "panel[1]/panel_member#0",
        "auditor/auditor#0",
        "chair/decision_maker#0",
    ]
    assert result["usage"]["model_calls"] == 4
    assert result["usage"]["cached_tokens"] == 240
    assert result["decision"]["fixed_by_rule"].startswith("on_gate_failed")
    assert {item["state"] for item in result["decision"]["dispositions"]} == {"accepted"}
    assert result["decision"]["claims"][0]["state"] == "verified"


def test_the_document_of_a_run_is_what_show_reads_back(
    command: "Command", answering: "Answering"
) -> None:
    result = command.json("run", SMALL)

    shown = command.json("show", result["run"])

    assert {name: shown[name] for name in UNCHANGED} == {name: result[name] for name in UNCHANGED}


def test_every_line_of_jsonl_is_an_event_with_its_run(
    command: "Command", answering: "Answering"
) -> None:
    done = command("run", SMALL, "--jsonl")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    run = command.runs[0].name
    assert {line["run"] for line in lines} == {run}
    assert [line["seq"] for line in lines] == list(range(len(lines)))
    assert all(line["event"] and line["key"] and line["at"] > 0 for line in lines)
    assert [line["event"] for line in lines] == [event["event"] for event in command.events()]
    assert lines[-1]["event"] == "run_ended"


def test_a_replays_lines_carry_the_recorded_run(recorded: "Command") -> None:
    done = recorded("replay", SMALL, "--jsonl")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    manifest = recorded.project / "scenarios" / "recordings" / "small" / "base" / "manifest.json"
    assert {line["run"] for line in lines} == {json.loads(manifest.read_text())["run"]}
    assert all({"seq", "event", "key", "at"} <= set(line) for line in lines)


def test_several_cases_are_one_document(command: "Command", answering: "Answering") -> None:
    with (command.project / SMALL).open("a") as file:
        file.write("cases:\n  - {id: shipped, expect: {position: promote}}\n")

    results = command.json("run", SMALL, "--case", "all", status=1)

    assert results["schema"] == "ensemble/results@1"
    assert [one["case"] for one in results["results"]] == [None, "shipped"]
    assert [one["expectations"][0]["held"] for one in results["results"]] == [True, False]


def test_a_text_that_would_drive_the_terminal_is_printed_harmlessly(
    command: "Command", answering: "Answering"
) -> None:
    path = command.project / SMALL
    path.write_text(path.read_text().replace("graph: review", 'graph: "rev\\u2028iew"'))

    done = command("run", SMALL)

    assert done.returncode == 3
    assert all(letter == "\n" or letter.isprintable() for letter in done.stderr)


def test_every_command_has_help(command: "Command") -> None:
    code = (
        "from ensemble.cli import main\n"
        f"for words in {COMMANDS!r}:\n"
        "    try:\n        main([*words.split(), '--help'])\n"
        "    except SystemExit as end:\n        print('ended with', end.code, end='\\0')\n"
    )

    done = run_python(command, code)

    *told, rest = done.stdout.split("ended with 0\0")
    assert rest == ""
    for words, text in zip(COMMANDS, told, strict=True):
        assert text.startswith(f"Usage: ensemble {words}".rstrip())
        assert "Example: ensemble" in text or words in ("", "models")


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "check",
        "draw review",
        "draw scenarios/small.yaml",
        "show agent skeptic",
        "list agents",
        "schema",
    ],
)
def test_a_command_that_only_looks_imports_nothing_heavy(
    command: "Command", words: str, answering: "Answering"
) -> None:
    code = (
        "import sys\nfrom ensemble.cli import main\n"
        f"try:\n    main({words.split()!r})\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)\n"
    )

    done = run_python(command, code)

    assert done.stderr.splitlines()[-1] == "[]"


def run_python(command: "Command", code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=command.project,
        env=command.environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )


def keys(value: Any) -> set[str]:
    """Return the keys of a mapping, or of the first of a list of mappings."""
    return set(cast("Any", value[0] if isinstance(value, list) else value))


COMMANDS = (
    *("", "run", "replay", "resume", "rerecord", "check", "draw", "plan", "show", "list"),
    *("doctor", "models", "models list", "models fetch", "models forget", "lab", "schema"),
)
HEAVY = ("langgraph", "litellm", "torch", "ollama", "aiohttp", "sklearn")
PLAIN = (
    *("schema", "run", "scenario", "case", "status", "authority", "authority_reasons"),
    *("escalations", "evidence", "journal", "digest"),
)
FIELDS = {
    "witnesses": {"seated", "answered", "effective"},
    "decision": {
        "seat",
        "position",
        "fixed_by_rule",
        "result",
        "confidence",
        "dispositions",
        "minority",
        "claims",
    },
    "turns": {
        "key",
        "agent",
        "version",
        "sha256",
        "role",
        "mode",
        "tool_mode",
        "status",
        "asked",
        "served",
        "fallbacks",
        "position",
        "envelope",
        "usage",
        "problem",
        "truncated",
    },
    "findings": {"id", "severity", "title", "location", "by", "evidence"},
    "usage": {
        "model_calls",
        "input_tokens",
        "cached_tokens",
        "output_tokens",
        "usd",
        "overrun",
        "priced",
        "wall_s",
    },
    "evidence": {"id", "tool", "cached", "asked_by", "gates", "passport"},
    "expectations": {"name", "held", "saw"},
}
UNCHANGED = ("run", "status", "authority", "decision", "turns", "findings", "evidence", "digest")
