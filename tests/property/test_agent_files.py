"""Any frontmatter survives being written and read, and no text can hurt its reader."""

import string
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.bombs import bombs
from ensemble.agents.frontmatter import read_source
from ensemble.agents.library import load_agent, load_agents
from ensemble.agents.writing import dumped, rewritten
from ensemble.checks.run import check_agents
from ensemble.scenarios.agent_view import shown

TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=40
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(["1.10", "no", "5", "2026-01-24", "0x1F", "~", "null", "---", "*.pt", "<<"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)
FRONTMATTERS = st.dictionaries(TEXT, VALUES, max_size=6)
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MOST_BYTES = 64 * 1024 * 1024
BOMBS = bombs()


@QUICK
@given(FRONTMATTERS, st.text(string.printable, max_size=80))
def test_any_frontmatter_survives_being_written_and_read(fields: dict[str, Any], body: str) -> None:
    body = body.replace("\r", "").replace("\x0b", "").replace("\x0c", "")

    source = read_source(dumped({"name": "x", **fields}, body), "x.md")

    assert source.document.value == {"name": "x", **fields}
    assert source.body == body
    assert source.repairs == ()


@QUICK
@given(FRONTMATTERS, TEXT, VALUES)
def test_a_changed_file_keeps_every_other_field_and_its_comments(
    fields: dict[str, Any], key: str, value: Any
) -> None:
    text = dumped({"name": "x", **fields}, "Body\n").replace("---\n", "---\n# a comment\n", 1)

    again = rewritten(text, "x.md", {(key,): value})

    source = read_source(again, "x.md")
    assert source.document.value == {"name": "x", **fields, key: value}
    assert again.startswith("---\n# a comment\n")


def frontmatters() -> st.SearchStrategy[bytes]:
    """Return texts that look like agent files, as people and programs break them."""
    word = st.sampled_from(
        [
            *("name", "description", "tools", "model", "escalation", "cognitive_modes", "x"),
            *("proactive_triggers", "audit", "ensemble_roles", "load_bearing", "version"),
        ]
    )
    piece = st.sampled_from(
        [
            *(": ", ":", "\n", "\n  ", "\n- ", "  - ", "[", "]", "{", "}", "'", '"', "|", ">"),
            *("*", "&a ", "!x ", "#", "---", "\t", "\r\n", "<<: ", "%", "@", "`", ", ", "? "),
            *("1.10", "no", "5", "\ufeff", "é", "\x00", "<function x>", "\\n", "\u202e"),
        ]
    )
    line = st.lists(word | piece | st.text(max_size=6), max_size=12).map("".join)
    head = st.lists(line, max_size=8).map("\n".join)
    return st.one_of(
        head.map(
            lambda text: f"---\nname: x\n{text}\n---\n## Identity\nYou.\n".encode("utf-8", "ignore")
        ),
        head.map(lambda text: f"---\n{text}\n---\n".encode("utf-8", "ignore")),
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda raw: b"---\nname: x\n" + raw + b"\n---\n"),
    )


def check_one(place: Path, raw: bytes) -> None:
    place.write_bytes(raw)
    library = load_agents(place)
    assert all(problem.fix for problem in check_agents(library))
    for agent in library.values():
        assert shown(agent, library)["prompt"]


@settings(QUICK, max_examples=300)
@given(frontmatters())
def test_any_text_is_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    check_one(tmp_path / "x.md", raw)


@pytest.mark.slow
@settings(QUICK, max_examples=10_000)
@given(frontmatters())
def test_ten_thousand_texts_are_read_or_refused(tmp_path: Path, raw: bytes) -> None:
    check_one(tmp_path / "x.md", raw)


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", BOMBS)
def test_no_bomb_takes_memory(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "bomb.md"
    raw = BOMBS[kind].encode()

    tracemalloc.start()
    check_one(place, raw)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert most < MOST_BYTES


def test_there_are_sixty_bombs_and_more() -> None:
    assert len(BOMBS) >= 60


def test_a_library_of_bombs_loads_what_is_no_bomb(tmp_path: Path) -> None:
    for number, text in enumerate(list(BOMBS.values())[:8]):
        (tmp_path / f"{number}.md").write_text(text)
    (tmp_path / "fine.md").write_text("---\nname: fine\n---\n")

    library = load_agents(tmp_path)

    assert "fine" in library
    assert load_agent(tmp_path / "fine.md").repairs == ()
