"""How the command ends: each error one status and one text, never a traceback."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from ensemble.cli import main
from ensemble.cli.faults import STATUSES, guarded, printable
from ensemble.errors import (
    CannotWrite,
    DiskFull,
    Diverged,
    EnsembleError,
    Faults,
    InvalidFile,
    NoModelLeft,
    NotOwner,
    OverLimit,
    Paused,
    Refused,
    UsageError,
)

KINDS = (
    *(UsageError, InvalidFile, Diverged, OverLimit, NoModelLeft, Refused, Paused),
    *(CannotWrite, DiskFull, NotOwner),
)

# Little stays in the buffer until the end; much is written while the command still runs.
SAYING = [
    "import sys; from ensemble.cli.faults import guarded; "
    f"sys.exit(guarded(lambda: sys.stdout.write('x' * {count}) and 0))"
    for count in (9, 99_999)
] + ["from ensemble.cli import main; main(['--help'])"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_one_text_and_its_own_status(
    kind: type[EnsembleError], capsys: pytest.CaptureFixture[str]
) -> None:
    status = guarded(raising(kind("it is wrong", where="a.yaml:1:2", fix="mend it")))

    said = capsys.readouterr()
    assert status == kind.status
    assert said.err == "error: a.yaml:1:2: it is wrong\n  fix: mend it\n"
    assert said.out == ""


def test_every_kind_of_error_has_a_status_that_the_help_names() -> None:
    told = {int(number) for number in re.findall(r"[:·]\s(\d+)\s", STATUSES)}

    assert {kind.status for kind in KINDS} <= told
    assert len({kind.status for kind in KINDS}) == len(KINDS)


def test_several_faults_end_with_the_status_of_the_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    faults = [kind("it is wrong", where="x", fix="mend it") for kind in (InvalidFile, OverLimit)]

    status = guarded(raising(Faults(faults)))

    assert status == 3
    assert capsys.readouterr().err.count("fix: mend it") == 2


def test_what_nobody_foresaw_is_a_report_and_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    status = guarded(raising(ZeroDivisionError("by nought")))

    said = capsys.readouterr().err
    assert status == 70
    assert said.startswith("internal error: ZeroDivisionError: by nought\n")
    assert "Traceback" not in said
    assert "Traceback" in (tmp_path / ".ensemble" / "internal-error.txt").read_text()


def test_a_report_that_cannot_lie_in_the_project_lies_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / ".ensemble").write_text("a file in the way")
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    guarded(raising(ZeroDivisionError("by nought")))

    assert f"the report is in {tmp_path / 'internal-error.txt'}" in capsys.readouterr().err
    assert (tmp_path / "internal-error.txt").is_file()


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), typer.Abort()])
def test_an_interruption_says_where_the_run_is(
    interruption: BaseException, capsys: pytest.CaptureFixture[str]
) -> None:
    status = guarded(raising(interruption))

    assert status == 130
    assert "`ensemble list`" in capsys.readouterr().err


@pytest.mark.parametrize(("ended", "status"), [(None, 0), (0, 0), (5, 5), ("text", 0)])
def test_a_command_ends_with_the_status_that_it_returns(ended: Any, status: int) -> None:
    assert guarded(lambda: ended) == status


def test_a_misused_command_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["run", "--no-such-option"])

    assert ended.value.code == 2
    assert "No such option" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext ß", "plain\n\ttext ß"),
        ("\x1b[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
        ("a\x00b\x7f", "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}"),
        ("left\u202eright", "left\N{REPLACEMENT CHARACTER}right"),
    ],
)
def test_what_a_terminal_would_obey_is_not_printed(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("redirected", "status", "said"),
    [
        ("> /dev/full", 74, "error: standard output: what was to be said could not be written: "),
        (">&-", 74, "error: standard output: what was to be said could not be written: "),
        ("> /dev/null 2>&-", 0, ""),
        (">&- 2>&-", 74, ""),
        ("> /dev/full 2> /dev/full", 74, ""),
    ],
)
@pytest.mark.parametrize("command", SAYING)
def test_an_output_that_takes_nothing_is_an_error_and_a_lost_message_none(
    command: str, redirected: str, status: int, said: str
) -> None:
    done = subprocess.run(
        ["sh", "-c", f'"$0" "$@" {redirected}', sys.executable, "-c", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == status, done.stderr
    assert done.stderr.startswith(said)
    assert done.stderr.count("error") == bool(said)


@pytest.mark.parametrize("command", SAYING)
def test_a_reader_that_leaves_ends_the_command_quietly(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-c", command],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("redirected", ["2>&-", "2> /dev/full"])
def test_the_status_of_an_error_that_nobody_can_read_stays(redirected: str) -> None:
    command = "from ensemble.cli import main; main(['show', 'agent'])"

    done = subprocess.run(
        ["sh", "-c", f'"$0" "$@" {redirected}', sys.executable, "-c", command],
        capture_output=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2


def test_the_status_of_an_error_stays_where_the_reader_has_left() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    command = "from ensemble.cli import main; main(['show', 'agent'])"
    done = subprocess.run(
        [sys.executable, "-c", command], stdout=writing, stderr=writing, check=False, timeout=60
    )
    os.close(writing)

    assert done.returncode == 2


def raising(error: BaseException) -> Callable[[], None]:
    def command() -> None:
        raise error

    return command
