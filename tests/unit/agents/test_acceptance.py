"""A load-bearing agent's file may not change unseen."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ensemble.agents.acceptance import ACCEPTED, accepted, require_accepted
from ensemble.agents.library import Agent
from ensemble.errors import Refused

MakeAgent = Callable[..., Agent]
BEARING = "load_bearing: true"


def test_the_first_version_seen_is_the_accepted_one(make_agent: MakeAgent, tmp_path: Path) -> None:
    agent = make_agent(BEARING)

    require_accepted([agent], tmp_path)

    assert accepted(tmp_path) == {"tester": agent.sha256}
    require_accepted([agent], tmp_path)


def test_a_changed_file_is_refused_until_a_person_accepts_it(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    require_accepted([make_agent(BEARING)], tmp_path)
    now = make_agent(f"{BEARING}\nversion: 9.0.0")

    with pytest.raises(Refused) as raised:
        require_accepted([now], tmp_path)
    assert "--accept-changes" in raised.value.fix
    assert raised.value.where == f"{now.path}:1:1"

    require_accepted([now], tmp_path, accept=True)
    require_accepted([now], tmp_path)
    assert accepted(tmp_path) == {"tester": now.sha256}


def test_a_file_does_not_slip_by_because_it_bears_no_load_any_more(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    require_accepted([make_agent(BEARING)], tmp_path)
    now = make_agent("load_bearing: false")

    with pytest.raises(Refused):
        require_accepted([now], tmp_path)

    require_accepted([now], tmp_path, accept=True)
    assert accepted(tmp_path) == {}


def test_an_agent_that_bears_no_load_may_change(make_agent: MakeAgent, tmp_path: Path) -> None:
    require_accepted([make_agent("version: 1.0.0")], tmp_path)
    require_accepted([make_agent("version: 2.0.0")], tmp_path)

    assert not (tmp_path / ACCEPTED).exists()


@pytest.mark.parametrize("text", ["", "{", "\xff", "[]", "null", '{"tester": null}'])
def test_a_damaged_list_is_refused_and_not_begun_anew(
    make_agent: MakeAgent, tmp_path: Path, text: str
) -> None:
    place = tmp_path / ACCEPTED
    place.parent.mkdir()
    place.write_text(text, encoding="latin-1")

    with pytest.raises(Refused, match="cannot be read"):
        require_accepted([make_agent(BEARING)], tmp_path)

    assert place.read_text(encoding="latin-1") == text
