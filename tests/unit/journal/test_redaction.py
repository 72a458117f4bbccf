"""Secrets planted in every shape, and text that only looks like one."""

import base64
import json
import string
import time
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from ensemble.errors import Diverged
from ensemble.journal.file import JournalFile
from ensemble.journal.redaction import Redactor, named_in, secrets_of_environment
from ensemble.journal.run_journal import Journal

LETTERS = string.ascii_letters + string.digits


def chars(count: int, alphabet: str = LETTERS, seed: int = 1) -> str:
    return "".join(Random(seed).choices(alphabet, k=count))  # noqa: S311 -- made up


UPPER = string.ascii_uppercase + string.digits
SHAPES = {
    "openai": f"sk-{chars(48)}",
    "openai project": f"sk-proj-{chars(40)}_{chars(40, seed=2)}",
    "anthropic": f"sk-ant-api03-{chars(80)}-{chars(8)}AA",
    "openrouter": f"sk-or-v1-{chars(64, '0123456789abcdef')}",
    "aws": f"AKIA{chars(16, UPPER)}",
    "aws session": f"ASIA{chars(16, UPPER)}",
    "github personal": f"ghp_{chars(36)}",
    "github server": f"ghs_{chars(36)}",
    "github fine-grained": f"github_pat_{chars(22)}_{chars(59)}",
    "gitlab": f"glpat-{chars(20)}",
    "google key": f"AIza{chars(35)}",
    "google token": f"ya29.{chars(60)}",
    "hugging face": f"hf_{chars(34)}",
    "groq": f"gsk_{chars(52)}",
    "xai": f"xai-{chars(80)}",
    "perplexity": f"pplx-{chars(48)}",
    "replicate": f"r8_{chars(37)}",
    "slack bot": f"xoxb-{chars(12, string.digits)}-{chars(24)}",
    "slack app": f"xapp-1-{chars(11, UPPER)}-{chars(64)}",
    "stripe live": f"sk_live_{chars(24)}",
    "stripe restricted": f"rk_test_{chars(24)}",
    "stripe webhook": f"whsec_{chars(32)}",
    "npm": f"npm_{chars(36)}",
    "pypi": f"pypi-{chars(100)}",
    "sendgrid": f"SG.{chars(22)}.{chars(43)}",
    "digitalocean": f"dop_v1_{chars(64, '0123456789abcdef')}",
    "databricks": f"dapi{chars(32, '0123456789abcdef')}",
    "age": f"AGE-SECRET-KEY-1{chars(58, UPPER)}",
    "jwt": f"eyJ{chars(20)}.eyJ{chars(60)}.{chars(43)}",
    **{
        kind: f"-----BEGIN {kind}-----\n{chars(90)}\n-----END {kind}-----"
        for kind in (
            "PRIVATE KEY",
            "RSA PRIVATE KEY",
            "OPENSSH PRIVATE KEY",
            "PGP PRIVATE KEY BLOCK",
        )
    },
}
GIVEN = {
    "plain": "correct horse battery",
    "quoted": 'a"b\\c\nd-and-more',
    "short": "hunter22",
    "marks": "p@ss/w+rd=&%?#",
    "not ascii": "contraseña-secreta",
}
AROUND = ["{}", "key={}", '"{}"', "a {} b", "\n{}\n", "({})", "key:{},", "<{}>"]


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_well_known_shape_is_taken_out_wherever_it_stands(shape: str, around: str) -> None:
    secret = SHAPES[shape]

    cleaned = Redactor({}).clean(around.format(secret))

    assert secret not in cleaned
    assert secret[12:] not in cleaned
    assert "<secret:" in cleaned


@pytest.mark.parametrize("name", GIVEN)
def test_a_secret_of_the_run_is_taken_out_however_it_is_written(name: str) -> None:
    secret = GIVEN[name]
    redactor = Redactor({"MY_TOKEN": secret})
    written = [secret, quote(secret), quote(secret, safe=""), quote_plus(secret)]

    cleaned = [redactor.clean(f"before {text} after") for text in written]

    assert all(secret not in text for text in cleaned)
    assert cleaned[0] == cleaned[2] == "before <secret:MY_TOKEN> after"


@pytest.mark.parametrize("code", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("name", GIVEN)
def test_a_secret_in_base64_is_taken_out_at_every_offset(name: str, code: Any) -> None:
    secret = GIVEN[name]
    redactor = Redactor({"MY_TOKEN": secret})

    for before in range(4):
        for after in range(4):
            whole = f"{'<' * before}{secret}{'>' * after}"
            cleaned = redactor.clean(f"Basic {code(whole.encode()).decode()}")
            assert "<secret:MY_TOKEN>" in cleaned


def test_a_secret_is_taken_out_of_keys_lists_and_maps_alike() -> None:
    redactor = Redactor({"MY_TOKEN": "correct-horse"})
    value = {"correct-horse": [{"a": "x correct-horse"}, ("correct-horse", 1, None, True, 0.5)]}

    cleaned = redactor.clean(value)

    placeholder = "<secret:MY_TOKEN>"
    assert cleaned == {placeholder: [{"a": f"x {placeholder}"}, [placeholder, 1, None, True, 0.5]]}


def test_the_longer_of_two_secrets_goes_first() -> None:
    redactor = Redactor({"SHORT_TOKEN": "correct-horse", "LONG_TOKEN": "correct-horse-battery"})

    assert redactor.clean("correct-horse-battery") == "<secret:LONG_TOKEN>"


@pytest.mark.parametrize("shape", SHAPES)
def test_redacting_twice_changes_nothing_more(shape: str) -> None:
    redactor = Redactor({"MY_TOKEN": SHAPES[shape], "OTHER_KEY": "correct-horse"})
    text = f"{SHAPES[shape]} https://me:correct-horse@host/ Authorization: Bearer {SHAPES['jwt']}"

    once = redactor.clean(text)

    assert redactor.clean(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "a task-force of risk-takers and desk-bound clerks",
        "https://host:8080/path and me@example.org",
        "see https://docs.python.org/3/library/re.html#re.sub, line 12:30",
        "The -----BEGIN CERTIFICATE----- stays, and -----BEGIN PRIVATE KEY----- alone is none",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "eyJ is how a token begins",
        "Authorization: Bearer is a header",
    ],
)
def test_text_that_is_no_secret_stays(text: str) -> None:
    assert Redactor({"A_TOKEN": "short"}).clean(text) == text


@pytest.mark.parametrize("text", ["https://me:correct@host/x", "redis://:correct@host:6379"])
def test_a_password_in_an_address_goes_and_the_host_stays(text: str) -> None:
    cleaned = Redactor({}).clean(text)

    assert "correct" not in cleaned
    assert "@host" in cleaned


@pytest.mark.parametrize(
    "piece",
    ["eyJ-", "eyJaaaaaaaaa.", "sk-", "-----BEGIN PRIVATE KEY-----", "SG.a", "://a:", "glpat-"],
)
def test_a_text_made_to_be_slow_is_read_in_time(piece: str) -> None:
    small, large = piece * 2_000, piece * 32_000

    def best_of(text: str) -> float:
        took: list[float] = []
        for _ in range(3):
            redactor = Redactor({})
            started = time.perf_counter()
            redactor.clean(text)
            took.append(time.perf_counter() - started)
        return min(took)

    # Sixteen times the text: a square would take 256 times as long.
    assert best_of(large) < 100 * best_of(small)


def test_the_environment_tells_its_secrets_by_their_names() -> None:
    environment = {
        "OPENAI_API_KEY": "1",
        "HF_TOKEN": "2",
        "AWS_SECRET_ACCESS_KEY": "3",
        "db_password": "4",
        "GOOGLE_APPLICATION_CREDENTIALS": "5",
        "DEPLOY_KEY": "6",
        "GITHUB_PAT": "7",
        "PATH": "8",
        "HOME": "9",
        "KEYBOARD": "10",
    }

    assert set(secrets_of_environment(environment).values()) == set("1234567")


def test_what_is_replayed_loses_shapes_and_nothing_of_this_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DB_PASSWORD", "training")
    text = f"training with {SHAPES['openai']}"

    assert Redactor.of_shapes().clean(text) == "training with <secret:openai-key>"
    cleaned = Redactor.of_environment().clean(text)
    assert cleaned == "<secret:DB_PASSWORD> with <secret:openai-key>"
    assert named_in({"a": [cleaned]}) == ["DB_PASSWORD"]


async def test_planted_secrets_never_reach_the_folder_and_the_match_is_kept(
    tmp_path: Path,
) -> None:
    secrets = {f"{name.upper()}_TOKEN": secret for name, secret in GIVEN.items()}
    planted = [*SHAPES.values(), *GIVEN.values()]
    planted += [base64.b64encode(text.encode()).decode() for text in GIVEN.values()]
    planted += [quote(text, safe="") for text in GIVEN.values()]
    file = JournalFile.create(tmp_path / "r-1", "r-1")
    journal = Journal("r-1", file=file, redactor=Redactor(secrets))

    async def perform() -> tuple[str, dict[str, Any]]:
        return "model_replied", {"value": {"text": "\n".join(planted)}}

    async def ask(journal: Journal, number: int) -> str:
        request = {"messages": [planted[number], {"nested": [f"x {planted[number]} y"]}]}
        event = await journal.effect("model", f"p[{number}]", request, perform, who=planted[number])
        return json.dumps(event.body)

    said = [await ask(journal, number) for number in range(len(planted))]
    journal.note("turn_ended", "p", value=planted)
    journal.close()
    replay = Journal("r-1", recorded=journal.events, replaying=True, redactor=Redactor(secrets))
    again = [await ask(replay, number) for number in range(len(planted))]

    written = everything_below(tmp_path)
    for secret in planted:
        assert secret.encode() not in written
        assert json.dumps(secret)[1:-1].encode() not in written
        assert all(secret not in text for text in said)
    assert again == said
    replay.check_complete()
    assert len(written) > 1000


async def test_a_secret_that_was_changed_since_does_not_break_the_match() -> None:
    async def perform() -> tuple[str, dict[str, Any]]:
        return "model_replied", {"value": "a"}

    async def ask(journal: Journal, key: str) -> str:
        request = {"messages": [f"curl -H 'x-key: {key}'"]}
        return (await journal.effect("model", "k", request, perform)).value

    live = Journal("r-1", redactor=Redactor({"MY_KEY": "the-key-of-then"}))
    await ask(live, "the-key-of-then")
    now = Redactor({"MY_KEY": "another-key-now"})
    replay = Journal("r-1", recorded=live.events, replaying=True, redactor=now)

    assert await ask(replay, "another-key-now") == "a"
    with pytest.raises(Diverged):
        await ask(replay, "no key of mine")


def everything_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
