"""Keys that a server repeats, in whatever it says: they are in no record, error or log."""

import json
import logging
import os
from pathlib import Path
from typing import Final

import pytest

from ensemble.errors import EnsembleError
from ensemble.report.progress import progress
from ensemble.report.text import screen
from ensemble.scenarios.planning import Choices
from ensemble.scenarios.run import run_scenario
from ensemble.testing.fault_server import fault_server
from ensemble.testing.faults import Breaks, Cuts, Fault, Malforms, Refuses, Says, Sends

KEY: Final = "planted+7f3e/9c51=to-be-found"
SCENARIO: Final = """\
schema: ensemble/scenario@1
name: keys
task: May it be promoted?
choices: [promote, reject]
graph: solo
cast: {expert: skeptic}
models: {chain: [CHAIN], cache: true}
"""
ANSWER: Final = {"result": f"it said {KEY}", "confidence": "high", "position": "promote"}
ECHO: Final = f"Incorrect API key provided: {KEY}"
HALF: Final = f'data: {{"choices": [{{"delta": {{"content": "{KEY}"}}}}]}}\n\n'.encode()
FILL: Final = b"x" * 3980 + b" "
FAULTS: Final[dict[str, Fault]] = {
    "an answer": Says(json.dumps(ANSWER)),
    "an answer that is none": Says(KEY),
    "half an answer": Sends(HALF, content_type="text/event-stream"),
    "a cut": Cuts(200),
    "a page": Sends(f"<html>{ECHO}</html>".encode(), content_type="text/html"),
    "an error in a stream": Breaks(1, ECHO),
    "a long error that is cut": Refuses(401, f"{'x' * 366} you sent {KEY}"),
    "half an answer that is cut": Sends(HALF.replace(b'"content": "', b'"content": "' + FILL)),
    "a long event that is malformed": Malforms(1, f"data: {{ {'x' * 62} {KEY}\n\n".encode()),
    "a malformed event": Malforms(1, f"data: {{{KEY}\n\n".encode()),
    "a redirection": Refuses(302, ECHO, {"Location": f"/v1?key={KEY}"}),
    **{str(status): Refuses(status, ECHO) for status in (400, 401, 403, 404, 413, 429, 500, 529)},
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path / "project" / "cache"))
    for name in ("MINE_LOGIN", "HOSTED_VLLM_API_KEY"):
        monkeypatch.setenv(name, KEY)
    path = tmp_path / "project" / "scenarios" / "keys.yaml"
    path.parent.mkdir(parents=True)
    return path


def write(path: Path, chain: str, url: str) -> None:
    path.write_text(SCENARIO.replace("CHAIN", chain))
    servers = {"mine": (f"{url}/v1", "openai"), "claude": (f"{url}/v1", "anthropic")}
    Path(os.environ["ENSEMBLE_CONFIG"]).write_text(
        "".join(
            f'[providers.{name}]\nbase_url = "{base}"\napi = "{api}"\napi_key_env = "MINE_LOGIN"\n'
            for name, (base, api) in servers.items()
        )
    )


def holding(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "events.jsonl" for path in files)
    return [str(path) for path in files if KEY[:8].encode() in path.read_bytes()]


@pytest.mark.parametrize("route", ["mine/m", "claude/m", "litellm/hosted_vllm/m"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_key_that_a_server_repeats_is_found_nowhere(
    route: str,
    fault: str,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, logger="httpcore")  # its own trace of every header
    said = ""

    async with fault_server(models={"m": [FAULTS[fault]]}) as server:
        monkeypatch.setenv("HOSTED_VLLM_API_BASE", server.openai_url)
        write(project, route, server.url)
        try:
            with progress(quiet=False) as watch:
                ran = await run_scenario(project, choices=Choices(), watch=watch)
            said = f"{screen(ran.result)}{json.dumps(ran.result)}{ran.error}"
        except EnsembleError as error:
            said = str(error)
        sent = [str(asked.headers) for asked in server.asked]

    out, err = capfd.readouterr()
    assert any(KEY in headers for headers in sent)  # it was really asked with the key
    assert said
    assert KEY not in said + out + err
    assert [record for record in caplog.messages if KEY in record] == []
    assert holding(project.parents[1]) == []
