"""One real run on the embedded model, as the README's first command makes it.

The first line of the README promises it, so nothing here is marked: where the engine is
installed, it runs.
"""

import importlib.util
import json
import os
import shutil
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from ensemble.config import Embedded
from ensemble.journal.file import read_events
from ensemble.models.embedded import join_server, leave_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Command

CHECKOUT: Final = Path(__file__).parents[2]
# A busy computer takes its time over 14,000 tokens.
pytestmark = pytest.mark.timeout(900)
REVIEW: Final = "scenarios/review.yaml"


@pytest.fixture(scope="session")
def embedded(
    tmp_path_factory: pytest.TempPathFactory, at: "Callable[[Path], Command]"
) -> "Command":
    """Return the project in which scenarios/review.yaml was run once, with no other model."""
    if importlib.util.find_spec("xllamacpp") is None:
        reason = "NOT TESTED: the embedded engine is missing; pip install 'ensemble-panels[local]'"
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("embedded") / "project"
    ignored = shutil.ignore_patterns("__pycache__", "recordings")
    for name in ("agents", "graphs", "scenarios"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    command = at(folder)
    result = command.json("run", REVIEW, "--record", timeout_s=840)
    (folder / "result.json").write_text(json.dumps(result))
    return command


def test_the_first_run_of_the_readme_ends_as_it_says(embedded: "Command") -> None:
    result = result_of(embedded)

    served = {turn["served"] for turn in result["turns"]}
    assert result["status"] == "completed"
    assert (result["authority"], result["decision"]["position"]) == ("advisory", "request-changes")
    assert served == {"embedded/SmolLM2-135M-Instruct"}
    assert all(item["held"] for item in result["expectations"])
    assert any("embedded model served" in reason for reason in result["authority_reasons"])


def test_what_all_seats_share_is_computed_once(embedded: "Command") -> None:
    usage = [turn["usage"] for turn in result_of(embedded)["turns"]]
    assert all(used["model_calls"] == 1 for used in usage)

    shared = tokens_of(shared_text(embedded))

    computed = sum(used["input_tokens"] - used["cached_tokens"] for used in usage)
    own = sum(used["input_tokens"] - shared for used in usage)
    assert shared > 1000
    assert (computed - own) / shared <= 1.1


def test_it_replays_without_the_model(embedded: "Command") -> None:
    nothing = {"ENSEMBLE_OFFLINE": "1", "ENSEMBLE_CACHE": str(embedded.project / "none")}

    replayed = embedded.json("replay", REVIEW, "--case", "base", env=nothing)

    assert replayed["digest"] == result_of(embedded)["digest"]


def result_of(embedded: "Command") -> dict[str, Any]:
    result: dict[str, Any] = json.loads((embedded.project / "result.json").read_text())
    return result


def shared_text(embedded: "Command") -> str:
    """Return what the prompts of all seats begin with, alike to the last character."""
    contents = read_events(embedded.runs[0])
    asked = [event for event in contents.events if event.event == "model_asked"]
    prompts = [
        "".join(str(message["content"]) for message in event.body["request"]["messages"])
        for event in asked
    ]
    assert len(prompts) == 5
    return os.path.commonprefix(prompts)  # noqa: RUF071 - letter by letter is what is meant


def tokens_of(text: str) -> int:
    """Return how many tokens the embedded model's own server makes of `text`."""
    lease = join_server(Embedded())
    try:
        request = urllib.request.Request(  # noqa: S310 - our own server on loopback
            f"{lease.url}/tokenize",
            data=json.dumps({"content": text}).encode(),
            headers={"Authorization": f"Bearer {lease.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return len(json.load(answer)["tokens"])
    finally:
        leave_server()
