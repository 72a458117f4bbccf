"""Every exit status of the command, each reached the way a user reaches it."""

import json
import resource
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ensemble.cli.faults import STATUSES

if TYPE_CHECKING:
    from conftest import Answering, Command

SMALL = "scenarios/small.yaml"
Wait = Callable[[Callable[[], bool]], None]


def test_0_everything_that_was_expected_held(command: "Command", answering: "Answering") -> None:
    done = command("run", SMALL)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ADVISORY: request-changes")
    assert answering.asked == 4


def test_1_an_expectation_did_not_hold(command: "Command", answering: "Answering") -> None:
    edit(
        command.project / SMALL,
        "expect: {position: request-changes}",
        "expect: {position: promote}",
    )

    done = command("run", SMALL)

    assert done.returncode == 1
    assert "not held: position promote: position request-changes" in done.stdout


def test_1_an_authority_that_is_not_allowed(command: "Command", answering: "Answering") -> None:
    edit(command.project / SMALL, "quorum: 1", "quorum: 2, allow: [decided]")

    done = command("run", SMALL)

    assert done.returncode == 1
    assert done.stdout.startswith("ADVISORY: request-changes")


def test_0_an_authority_that_the_scenario_allows(
    command: "Command", answering: "Answering"
) -> None:
    edit(command.project / SMALL, "quorum: 1", "quorum: 2, allow: [advisory]")

    done = command("run", SMALL)

    assert done.returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "Usage: ensemble [OPTIONS] COMMAND"),
        ("run", "Missing argument"),
        ("conjure", "No such command 'conjure'"),
        ("run scenarios/small.yaml --cse x", "No such option"),
        ("resume r-none", "no run is called 'r-none'"),
        ("list things", "fix: use one of: agents, graphs, runs, scenarios"),
        ("show agent", "an agent's name is missing"),
        ("schema everything", "fix: use one of: agent, lab, scenario"),
        ("lab train epochs", "write e.g. epochs=5"),
        ("run scenarios/small.yaml --model none.gguf", "name a GGUF file"),
    ],
)
def test_2_a_command_that_is_not_understood(command: "Command", words: str, said: str) -> None:
    done = command(*words.split())

    assert done.returncode == 2
    assert said in done.stderr
    assert done.stdout == ""


def test_3_an_invalid_file(command: "Command") -> None:
    edit(command.project / SMALL, "graph: review", "graph: reveiw")

    done = command("run", SMALL)

    assert done.returncode == 3
    assert done.stderr == (
        f"error: {SMALL}:6:8: no graph is called 'reveiw'\n  fix: did you mean 'review'?\n"
    )


def test_4_a_replay_that_asks_something_else(recorded: "Command") -> None:
    edit(recorded.project / SMALL, "May the model", "Should the model")

    done = recorded("replay", SMALL)

    assert done.returncode == 4


def test_5_a_run_over_its_limits_never_starts(command: "Command", answering: "Answering") -> None:
    with (command.project / SMALL).open("a") as file:
        file.write("limits: {model_calls: 3}\n")

    done = command("run", SMALL)

    assert done.returncode == 5
    assert "fix: raise `limits.model_calls`" in done.stderr
    assert command.runs == []
    assert answering.asked == 0


def test_6_no_model_can_be_asked(command: "Command") -> None:
    done = command("run", SMALL, "--model", "opus")

    assert done.returncode == 6
    assert "opus: no ANTHROPIC_API_KEY" in done.stderr
    assert "model_asked" not in {event["event"] for event in command.events()}


def test_6_a_server_where_nobody_listens(command: "Command") -> None:
    with socket.socket() as bound:  # bound and never listening: the port refuses
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        (command.project / "settings.toml").write_text(
            f'[providers.test]\nbase_url = "http://127.0.0.1:{port}/v1"\n'
        )

        done = command("run", SMALL)

    assert done.returncode == 6
    assert "test/model" in done.stderr
    assert "transport" in done.stderr
    assert "fix: mend a cause named above" in done.stderr


def test_7_a_dataset_that_leads_out_of_the_workspace(command: "Command") -> None:
    done = command("lab", "check_data", "dataset=../secret.npz")

    assert done.returncode == 7
    assert "leads out of the workspace" in done.stdout


def test_7_a_recording_that_would_keep_a_secret(command: "Command", answering: "Answering") -> None:
    secret = {"SHOP_API_KEY": "test/a-key-pasted-as-a-name"}

    done = command("run", SMALL, "--model", secret["SHOP_API_KEY"], "--record", env=secret)

    assert done.returncode == 7
    assert "a secret would be kept in the recording" in done.stderr
    assert not (command.project / "scenarios" / "recordings" / "small" / "base").exists()


def test_8_a_person_has_to_answer_first(command: "Command") -> None:
    done = command("run", SMALL, "--model", "manual")

    assert done.returncode == 8
    assert (
        "paused: a person has to answer panel[0]/panel_member#0/model#0, panel[1]/" in done.stderr
    )


def test_70_a_fault_of_our_own_leaves_a_report(command: "Command") -> None:
    place = command.project / "faulty"
    place.mkdir()
    (place / "sitecustomize.py").write_text(
        "import ensemble.report.listing as listing\n"
        "def listed(kind):\n    raise RuntimeError(f'no {kind} today')\n"
        "listing.listed = listed\n"
    )

    done = command("list", env={"PYTHONPATH": str(place)})

    report = command.project / ".ensemble" / "internal-error.txt"
    assert done.returncode == 70
    assert done.stderr == (
        "internal error: RuntimeError: no runs today\n"
        f"  the report is in {report}\n  fix: please report it\n"
    )
    assert "Traceback" in report.read_text()


def test_73_a_runs_folder_that_is_a_file(command: "Command", answering: "Answering") -> None:
    runs = command.project / ".ensemble" / "runs"
    runs.write_text("in the way")

    done = command("run", SMALL)

    assert done.returncode == 73
    assert "fix: choose a writable folder" in done.stderr
    assert answering.asked == 0


def test_74_a_disk_that_is_full(command: "Command", answering: "Answering") -> None:
    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, 16_000))

    done = command("run", SMALL, preexec_fn=small_files)

    assert done.returncode == 74
    assert "fix: make room, then `ensemble resume` the run" in done.stderr
    resumed = command("resume", command.runs[0].name)
    assert resumed.returncode == 0, resumed.stderr


def test_75_another_process_owns_the_run(
    command: "Command", answering: "Answering", wait_until: Wait
) -> None:
    answering.held_after = 2
    with command.started("run", SMALL) as first:
        wait_until(lambda: answering.asked == 3)

        second = command("resume", command.runs[0].name)

    assert second.returncode == 75
    assert f"process {first.pid} on" in second.stderr


def test_130_interrupted_once_and_taken_up_again(
    command: "Command", answering: "Answering", wait_until: Wait
) -> None:
    answering.held_after = 2
    with command.started("run", SMALL) as process:
        wait_until(lambda: answering.asked == 3)

        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "interrupted; what happened so far is in the journal" in said
    assert "Traceback" not in said
    run = command.runs[0].name
    assert command.json("show", run)["status"] == "cancelled"
    answering.held_after = None
    assert command.json("resume", run)["status"] == "completed"


def test_every_status_is_in_the_help_and_has_a_test_here(command: "Command") -> None:
    named = {word for word in STATUSES.replace("·", " ").split() if word.isdigit()}
    tested = {name.split("_")[1] for name in globals() if name.startswith("test_")}

    told = " ".join(command("--help").stdout.split())

    assert named <= tested
    assert " ".join(STATUSES.split()) in told


def test_an_output_that_nobody_reads_to_its_end_is_no_fault(command: "Command") -> None:
    with command.started("schema") as process:
        assert process.stdout is not None
        process.stdout.close()

        assert process.stderr is not None
        said = process.stderr.read()
        process.wait(timeout=30)

    assert process.returncode == 0
    assert said == ""


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_json_is_printed_even_where_the_status_is_not_0(
    command: "Command", answering: "Answering"
) -> None:
    edit(
        command.project / SMALL,
        "expect: {position: request-changes}",
        "expect: {position: promote}",
    )

    done = command("run", SMALL, "--json")

    assert done.returncode == 1
    assert json.loads(done.stdout)["expectations"] == [
        {"name": "position promote", "held": False, "saw": "position request-changes"}
    ]
