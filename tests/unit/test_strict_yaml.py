"""The YAML that files may use, and every other thing YAML can do."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ensemble.errors import InvalidFile
from ensemble.strict_yaml import MAX_BYTES, read_yaml


def read(text: str) -> Any:
    return read_yaml(text, path="a.yaml").value


def refusal(text: str, *, first_line: int = 1) -> InvalidFile:
    with pytest.raises(InvalidFile) as raised:
        read_yaml(text, path="a.yaml", first_line=first_line)
    return raised.value


def test_plain_data_is_read_as_it_stands() -> None:
    text = "name: review\ntools: [Read, Grep]\nlimits:\n  usd: 0.5\n  calls: 20\nempty:\n"

    value = read(text)

    assert value == {
        "name": "review",
        "tools": ["Read", "Grep"],
        "limits": {"usd": 0.5, "calls": 20},
        "empty": None,
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("null", None),
        ("~", None),
        ("true", True),
        ("false", False),
        ("12", 12),
        ("-7", -7),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("0.6", 0.6),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.10", 1.1),
        ("1.2.0", "1.2.0"),
        ("1_000", "1_000"),
        ("2026-01-24", "2026-01-24"),
        ("12:30:45", "12:30:45"),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("True", "True"),
        ("NULL", "NULL"),
        ("=", "="),
        ("'12'", "12"),
        ('"true"', "true"),
        ('""', ""),
    ],
)
def test_a_plain_word_is_only_what_it_says(written: str, expected: object) -> None:
    value = read(f"key: {written}")["key"]

    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("text", "place", "problem", "fix"),
    [
        ("a: &one 1\n", "1:4", "an anchor, &one", "delete it"),
        ("a: 1\nb: *one\n", "2:4", "an alias, *one", "write the value out"),
        ("<<: {a: 1}\n", "1:1", "a merge key", "write the keys out"),
        ("a: !!python/name:os.system x\n", "1:4", "a tag", "delete it"),
        ("a: !!str 1\n", "1:4", "a tag", "delete it"),
        ("a: ! 1\n", "1:4", "a tag", "delete it"),
        ("a: !!map {b: 1}\n", "1:4", "a tag", "delete it"),
        ("%TAG ! tag:x,2000:\n---\na: 1\n", "1:1", "a %TAG directive", "delete it"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "4:3", "the key 'c' stands in line 3", "rename one"),
        ("a: 1\n'a': 2\n", "2:1", "the key 'a' stands in line 1", "rename one"),
        ("a: 1\n---\nb: 1\n", "2:1", "a second document", "one document per file"),
        ("1: a\n", "1:1", "the key '1' is a number", 'put quotes round it: "1"'),
        ("a:\n  true: b\n", "2:3", "the key 'true' is a boolean", '"true"'),
        ("? [a]\n: b\n", "1:3", "a key that is a list or a mapping", "use text"),
        ("a: 1\n\tb: 2\n", "2:1", "a tab character", "indent with spaces"),
        ("a: one\x07\n", "1:7", "a control character, U+0007", "delete it"),
        ("a: 1\r\nb: \x85\n", "2:4", "a control character, U+0085", "delete it"),
        ("a: \u2028\n", "1:4", "a control character, U+2028", "delete it"),
        ("a: \ud800\n", "1:4", "a control character, U+D800", "delete it"),
        ('a: "\\e[2J"\n', "1:4", "a text with a control character, U+001B", "leave"),
        ("a: .nan\n", "1:4", ".nan is no finite number", "finite"),
        ("a: -.Inf\n", "1:4", "-.Inf is no finite number", "finite"),
        ("a: 1e999\n", "1:4", "1e999 is no finite number", "finite"),
        (f"a: {'9' * 5000}\n", "1:4", "… is no finite number", "finite"),
    ],
)
def test_what_goes_beyond_plain_data_is_refused_with_its_place_and_a_fix(
    text: str, place: str, problem: str, fix: str
) -> None:
    fault = refusal(text)

    assert fault.where == f"a.yaml:{place}"
    assert problem in fault.problem
    assert fix in fault.fix


@pytest.mark.parametrize(
    ("text", "place", "fix"),
    [
        ("a: **bold** text\n", "1:", "begins with *"),
        ("a: one: two\n", "1:7", "holds a colon"),
        ("a: @handle\n", "1:4", "begins with @"),
        ('a: "open\n', "2:1", "close the quotes"),
        ("a: [1, 2\nb: 3\n", "2:", "close the ["),
        ("name: {domain}-phd\n", "1:15", "quotes"),
        ("a: 1\n  b: 2\n", "2:4", "holds a colon"),
    ],
)
def test_a_file_that_is_no_yaml_gets_the_fix_that_mends_it(text: str, place: str, fix: str) -> None:
    fault = refusal(text)

    assert fault.where.startswith(f"a.yaml:{place}")
    assert fault.problem.startswith("this is not YAML: ")
    assert fix in fault.fix


def test_thirty_two_levels_are_read_and_the_next_one_is_refused() -> None:
    deepest = "[" * 32 + "]" * 32

    value = read(deepest)
    fault = refusal(f"[{deepest}]")

    assert str(value).count("[") == 32
    assert fault.problem == "more than 32 levels of nesting"
    assert fault.where == "a.yaml:1:33"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_nesting_without_end_is_refused_and_not_followed(opening: str) -> None:
    began = time.process_time()

    fault = refusal(opening * 500)

    assert "levels of nesting" in fault.problem or "a key that is" in fault.problem
    assert time.process_time() - began < 5  # a safety net: it takes a millisecond


def test_a_merge_bomb_is_refused_at_its_first_anchor() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 6)}]}}" for n in range(1, 17)]
    bomb = "\n".join(lines)

    fault = refusal(bomb)

    assert fault.where == "a.yaml:1:5"
    assert fault.problem == "an anchor, &a0"


def test_a_file_is_read_up_to_256_kib_and_refused_beyond() -> None:
    largest = "a: " + "x" * (MAX_BYTES - 3)

    value = read(largest)
    fault = refusal(largest + "x")

    assert len(value["a"]) == MAX_BYTES - 3
    assert "262,145 bytes" in fault.problem


def test_a_value_is_found_by_its_path_and_a_missing_one_by_its_nearest_ancestor() -> None:
    text = "cast:\n  panel:\n    - agent: ml-engineer\n    - agent: reviewer\n"

    document = read_yaml(text, path="s.yaml", first_line=10)

    assert document.where("cast", "panel", 1, "agent") == "s.yaml:13:14"
    assert document.where("cast", "panel", 1, "mode") == "s.yaml:13:7"
    assert document.where("limits", "usd") == "s.yaml:10:1"
    assert document.where() == "s.yaml:10:1"


def test_a_key_has_a_place_of_its_own() -> None:
    document = read_yaml("limits:\n  usd:\n    - 1\n", path="s.yaml")

    assert document.where("limits", "usd") == "s.yaml:3:5"
    assert document.where_key("limits", "usd") == "s.yaml:2:3"
    assert document.where_key("limits", "usd", 0) == "s.yaml:3:7"


def test_a_number_still_knows_how_it_was_written() -> None:
    document = read_yaml("version: 1.10\n", path="a.yaml")

    assert document.value == {"version": 1.1}
    assert document.texts["version",] == "1.10"


def test_a_fault_in_a_front_matter_is_placed_in_the_whole_file() -> None:
    fault = refusal("name: a\nname: b\n", first_line=2)

    assert fault.where == "a.yaml:3:1"
    assert "line 2 already" in fault.problem


def test_the_front_matter_of_the_seed_agent_is_read_with_its_places(seed: Path) -> None:
    front_matter = seed.read_text().split("---\n")[1]

    document = read_yaml(front_matter, path="ml-engineer.md", first_line=2)

    assert document.value["version"] == "1.2.0"
    assert document.value["audit"]["date"] == "2026-01-24"
    assert document.value["load_bearing"] is False
    assert document.where("escalation", "confidence_threshold") == "ml-engineer.md:53:25"


@pytest.mark.parametrize("text", ["", "# only a remark\n", "---\n", "\N{BYTE ORDER MARK}"])
def test_a_file_that_says_nothing_is_none(text: str) -> None:
    document = read_yaml(text, path="a.yaml")

    assert document.value is None


def test_a_quoted_escape_keeps_tabs_and_line_ends() -> None:
    value = read('a: "one\\ttwo\\n"\n"<<": text\n')

    assert value == {"a": "one\ttwo\n", "<<": "text"}


def test_the_parser_written_in_python_reads_and_refuses_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import yaml

    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)

    value = read("a: [1, two, 3.0]\nb: |\n  text\n")

    assert value == {"a": [1, "two", 3.0], "b": "text\n"}
    assert refusal("a: 1\nb: &x 2\n").where == "a.yaml:2:4"
    assert refusal("[" * 500).problem == "more than 32 levels of nesting"


def test_the_module_is_imported_without_a_yaml_parser() -> None:
    program = "import sys, ensemble.strict_yaml; sys.exit('yaml' in sys.modules)"

    status = subprocess.run([sys.executable, "-c", program], check=False).returncode

    assert status == 0
