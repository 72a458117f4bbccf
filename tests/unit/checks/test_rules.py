"""Every rule sees the slip that it is for, at its line, and nothing in a file that is sound."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from ensemble.agents.library import load_agents
from ensemble.checks.page import page
from ensemble.checks.problem import MOST_SIGHTINGS, Problem
from ensemble.checks.rules import REFUSALS, RULES
from ensemble.checks.run import check_agents
from ensemble.checks.subject import Seating
from ensemble.config import library_folder

Check = Callable[..., list[Problem]]
CHECKOUT: Final = Path(__file__).parents[3]

SLIPS: Final = [
    # code, what is replaced, by what, the text whose line is named
    ("W101", "tier: expert", "teir: expert", "teir:"),
    ("W101", "  profiles:", "  profils:", "  profils:"),
    ("W101", "    instruction_quality: 85", "    instruction_qualty: 85", "qualty"),
    ("W102", "version: 1.10.0", "version: 1.10.0\ncolour: sea", "colour"),
    ("W103", "description: Reads tide tables and", "description: ''\ncolour:", "description:"),
    ("W105", "version: 1.10.0", "version: 1.10", "version:"),
    ("W106", "tier: expert", "tier: exprt", "tier: exprt"),
    ("W106", "tier: expert", "tier: wizard", "tier: wizard"),
    ("W107", "You read tide tables.", "You read {domain} tables.", "{domain}"),
    ("W107", "role: advisor", "role: executor | advisor", "role:"),
    ("W108", "[reasoning, math, quality]", "[reasoning, math, math]", "priorities"),
    ("W109", "role: advisor", "role: advisr", "role:"),
    ("W121", "model: opus", "model: opsu", "model:"),
    ("W122", "  - llama3.3:70b", "  - qwen3:8b", "qwen3:8b"),
    ("W123", "[reasoning,", "[reasonin,", "priorities"),
    ("W124", "batch: budget", "batch: budge", "batch:"),
    ("W125", "batch: budget", "batches: budget", "batches:"),
    ("W201", "escalate_to: harbour-master", "escalate_to: human or pilot (lead)", "escalate_to"),
    ("E202", "escalate_to: harbour-master", "escalate_to: tide-keeper", "escalate_to"),
    ("W203", "threshold: 0.6", "threshold: 0.25", "threshold"),
    ("W203", "high | medium | low", "high | medium", "threshold"),
    ("W204", "threshold: 0.6", "threshold: 0.99", "threshold"),
    ("W205", "escalation:\n", "colour:\n", "name:"),
    ("W206", "  escalate_to: harbour-master\n", "", "escalation:"),
    ("W207", "You defer to harbour-master", "You defer to harbor-master", "defer to"),
    ("W207", "berths.", "berths, to rock-pilot for rocks.", "rock-pilot"),
    ("W208", "role: advisor", "role: advisor\nnext_phase: berth-planner", "next_phase"),
    ("W301", "solution: Read, Write", "solution: Read, Writ", "solution:"),
    ("W302", "  solution: Read", "  soluton: Read", "soluton"),
    ("E303", "default_mode: audit", "default_mode: aduit", "default_mode"),
    ("W304", "default: critical", "default: informative", "default: informative"),
    ("W305", "  critical:\n", "  critial:\n", "critial"),
    ("W306", '    output: "What does not hold"\n', "", "  critical:"),
    ("W307", "  default: solo", "  default: advisee", "default: advisee"),
    ("W308", "  auditor: ", "  audtor: ", "audtor"),
    ("W309", '"Compute every hour again"', '""', "  auditor:"),
    ("W311", '"Plan the passage"', '"Never edit any files"', "  solution:"),
    ("W311", "You own hours", "You are read-only. You own hours", "  solution:"),
    ("W311", "- Guess a datum", "- Write files", "  solution:"),
    ("W312", "audit: Read, Grep", "audit: Read, Edit", "  audit:"),
    ("W401", "## Knowledge Sources", "## Books", "# Tide Keeper"),
    ("W402", "## Knowledge Sources", "## Knowlege Sources", "## Knowlege"),
    ("W403", "## Specializations", "## Never", "## Never\n\n### Est"),
    ("W404", "**Vocabulary**", "**Some words**", "## Identity"),
    ("W405", "spring, neap, ", "", "**Vocabulary**"),
    ("W406", "- Guess a datum\n", "", "## Never"),
    ("W407", "- Round a depth up", "- guess a datum.", "- guess"),
    ("W407", "- Round a depth up", "- Guess a datum", "- Guess a datum\n- Leave"),
    ("W407", "slack, ebb", "slack, Spring", "**Vocabulary**"),
    ("W411", "tier: expert", "tier: phd", "## Instructions"),
    ("W412", "### Always (all modes)", "### When Critical", "## Instructions"),
    ("W413", "### When Generative", "### Planning", "  generative:"),
    ("W414", "### When Generative", "### When Genertive", "### When Genertive"),
    ("W415", "\n12. Look", "\n14. Look", "14. Look"),
    ("W415", "\n12. Look", "\n11. Look", "11. Look"),
    ("W421", "## Plan\n```", "## Plan", "```\n## Plan"),
    ("W422", "**Verification**: {second table}\n", "", "### Output Envelope"),
    ("W422", "### Output Envelope (Required)", "### First of all", "## Output Format"),
    ("W423", "### For Solution Mode", "### For Other", "## Output Format"),
    ("W424", "[CRITICAL]", "[CRITICL]", "[CRITICL]"),
    ("W501", '"*.tid"', '"../*.tid"', "../*.tid"),
    ("W501", '"*.tid"', '"***-***"', "***-***"),
    ("W502", '"*.tid"', '"A late ferry"', "A late ferry"),
    ("W501", '"*.tid"', '"*"', '"*"'),
    ("W503", '"*.tid"', '"**/*"', '"**/*"'),
    ("E601", "You read", "You \u2067read", "\u2067"),
    ("E602", "You read", "You re\u200bad", "\u200b"),
    ("E601", '"Plan the passage"', '"Plan \\u202e the passage"', "\\u202e"),
    ("E602", "You read", "You ré\u200d\u200c\u200dad", "\u200d"),
    ("E602", "You read", "You read\u200d", "\u200d"),
    ("E602", '"Plan the passage"', '"Plan \\u200b the passage"', "\\u200b"),
    ("E603", "Doubt the table", "Doubt\U000e0041 the table", "\U000e0041"),
    ("E603", "Doubt the table", "Doubt\U000e0101 the table", "\U000e0101"),
    ("E603", "You read", "You é\ufe01\ufe02 read", "\ufe01"),
    ("E603", "You read", "You r\ufe01ead", "\ufe01"),
    ("E603", '"Plan the passage"', '"Plan \\U000E0049 the passage"', "\\U000E0049"),
    ("E603", "  gauge:\n", '  "ga\\U000E0049uge":\n', "U000E0049"),
    ("W701", '"10 vocabulary terms, 15', '"10 vocabulary terms, 17', "17 inst"),
    ("W701", "with 3 lines", "with 4 lines", "4 lines"),
    ("W703", "composite_score: 88", "composite_score: 99", "composite_score"),
    ("W704", "output_format: 90", "output_format: excellent", "output_format"),
    ("W705", "  date: 2026-03-01\n", "", "audit:\n  comp"),
    ("W001", "tier: expert", "tier: focused\ntier: expert", "tier: expert"),
    ("E008", "threshold: 0.6", "threshold: six", "threshold"),
]


@pytest.mark.parametrize(("code", "old", "new", "at"), SLIPS)
def test_a_slip_raises_its_code_at_its_line(
    check: Check, code: str, old: str, new: str, at: str
) -> None:
    problems = check(old, new)

    text = Path(problems[0].file).read_text()
    line = text[: text.index(at)].count("\n") + 1
    assert (code, line) in {(problem.code, problem.line) for problem in problems}
    assert all(problem.fix and problem.message for problem in problems)


def test_a_sound_file_has_no_problem_but_its_own_grade(check: Check) -> None:
    problems = check()

    assert [(problem.code, problem.severity) for problem in problems] == [("W702", "note")]


def test_a_file_of_another_name_is_told(check: Check) -> None:
    problems = check(name="tides.md")

    assert "W104" in {problem.code for problem in problems}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # each mode's block begins where the first block ended
        ("7. Start", "7. Start"),
        ("escalate_to: harbour-master", "escalate_to: harbour-master or human (last)"),
        ("threshold: 0.6", "threshold: 0"),
        ("high | medium | low", "0.0-1.0"),
        ("  auditor: ", "  gatekeeper: "),
        ("batch: budget", "batch: balanced"),
        ("- llama3.3:70b", "- openrouter/some/model"),
        ("You read tide tables.", "You read tide tables 👨‍👩‍👧 in می‌خواهم."),
        ("- Guess a datum", "- Write files outside the harbour"),
        ("[CRITICAL]", "[{SEVERITY}]"),
        ("minimum_tier: medium", "minimum_tier: large"),
        ("[CRITICAL]", "[BLOCKER]"),
        ("You read", "You ✔️ 1️⃣ 葛\ufe00 ∩\ufe00 read"),
        ('"10 vocabulary terms, 15 instructions"', '"Add 3 instructions on fog"'),
        ('"*.tid"', '"*машинное*обучение*"'),
        ("Reads tide tables", "<example>Reads</example> tide tables"),
        ("tier: expert\n", ""),
        ("[CRITICAL]", "[SUGGESTION]"),
        ("## Identity", "## IDENTITY"),
        ("## Never", "## NEVER"),
        (
            "  solution: Read, Write, Grep\n  default_mode: audit",
            "  full: Read\n  default_mode: audit",
        ),
        ('"*.tid"', '"tables/"'),
        ('"*.tid"', '"/tables/*.tid"'),
        ("- Read bores", "- See {like this}\n- Read bores"),
    ],
)
def test_what_is_meant_is_no_slip(check: Check, old: str, new: str) -> None:
    problems = check(old, new)

    assert [problem.code for problem in problems] == ["W702"]


def test_numbers_may_restart_in_each_modes_block(check: Check) -> None:
    old = "11. Compute each hour again\n12. Look for summer time\n13. Compare two tables\n"
    new = "7. Compute each hour again\n8. Look for summer time\n9. Compare two tables\n"
    tail = "14. Ask for the gauge\n15. Doubt every rounded depth\n"

    problems = check(old + tail, new + "10. Ask for the gauge\n11. Doubt every rounded depth\n")

    assert [problem.code for problem in problems] == ["W702"]


def test_a_seat_in_a_role_without_words_is_told(tmp_path: Path, check: Check) -> None:
    check()
    library = load_agents(tmp_path / "agents")
    seatings = [
        Seating("tide-keeper", "auditor", "review.yaml:9"),
        Seating("tide-keeper", "panel_member", "review.yaml:8"),
    ]

    problems = check_agents(library, seatings=seatings)

    (told,) = [problem for problem in problems if problem.code == "W310"]
    assert told.message.startswith("review.yaml:8 seats it as panel_member")


def test_agents_that_escalate_to_each_other_are_both_told(tmp_path: Path, check: Check) -> None:
    check("escalate_to: harbour-master", "escalate_to: tide-reader")
    other = tmp_path / "agents" / "tide-reader.md"
    text = (tmp_path / "agents" / "tide-keeper.md").read_text()
    other.write_text(text.replace("tide-keeper", "?").replace("tide-reader", "tide-keeper"))
    other.write_text(other.read_text().replace("?", "tide-reader"))

    problems = check_agents(load_agents(tmp_path / "agents"))

    told = {problem.message for problem in problems if problem.code == "E202"}
    assert told == {
        "escalation goes in a circle: tide-keeper → tide-reader → tide-keeper",
        "escalation goes in a circle: tide-reader → tide-keeper → tide-reader",
    }


def test_a_circle_behind_a_first_choice_that_is_not_there_is_told(tmp_path: Path) -> None:
    agent = "---\nname: {}\ndescription: d\nescalation: {{escalate_to: {}}}\n---\n"
    for name, to in (("one", "ghost or two"), ("two", "one"), ("three", "one")):
        (tmp_path / f"{name}.md").write_text(agent.format(name, to))

    problems = check_agents(load_agents(tmp_path))

    told = [(Path(p.file).stem, p.message) for p in problems if p.code == "E202"]
    assert told == [
        ("one", "escalation goes in a circle: one → two → one"),
        ("two", "escalation goes in a circle: two → one → two"),
    ]


def test_a_file_whose_name_is_taken_is_examined_too(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.md").write_text(f"---\nname: x\ntier: a: {name}\n---\n")

    library = load_agents(tmp_path)
    problems = check_agents(library)

    assert [Path(agent.path).name for agent in library.twins] == ["b.md"]
    assert {Path(p.file).name for p in problems if p.code == "W001"} == {"a.md", "b.md"}


def test_a_file_of_another_program_is_not_held_to_this_format(tmp_path: Path) -> None:
    path = tmp_path / "helper.md"
    path.write_text("---\nname: helper\ndescription: Helps\ntools: Read, Frobnicate\n---\nHelp.\n")

    problems = check_agents(load_agents(path))

    assert problems == []


@pytest.mark.parametrize("key", ["mcp-servers: {}", "mcpServers: {}", "color: blue", "toolz: Read"])
def test_another_programs_key_is_not_taken_for_a_slip(tmp_path: Path, key: str) -> None:
    path = tmp_path / "helper.md"
    path.write_text(f"---\nname: helper\ndescription: Helps\n{key}\n---\nHelp.\n")

    problems = check_agents(load_agents(path))

    assert [p.message for p in problems] == (
        ["the key 'toolz' does nothing"] if key.startswith("toolz") else []
    )


def test_an_imported_file_is_not_held_to_this_format(tmp_path: Path) -> None:
    path = tmp_path / "helper.md"
    path.write_text(
        "---\nname: helper\ndescription: Helps\ntools: {audit: Read, default_mode: audit}\n"
        "imported: {from: cursor}\n---\nHelp.\n"
    )

    problems = check_agents(load_agents(path))

    assert problems == []


def test_every_built_in_agent_has_no_error() -> None:
    library = load_agents(library_folder() / "agents")

    problems = check_agents(library)

    assert [str(problem) for problem in problems if problem.severity == "error"] == []


def test_every_code_is_one_rules_and_is_written_about() -> None:
    codes = [rule.code for rule in RULES]

    assert len({*codes, *REFUSALS}) == len(codes) + len(REFUSALS)
    assert all(re.fullmatch(r"[EW]\d{3}", code) for code in [*codes, *REFUSALS])
    assert all(rule.about.strip().endswith(".") for rule in RULES)


def test_every_rule_has_a_slip_here() -> None:
    elsewhere = {"W104", "W310", "W702"}

    assert {rule.code for rule in RULES} - {slip[0] for slip in SLIPS} == elsewhere


def test_the_page_of_checks_is_what_the_rules_say() -> None:
    assert (CHECKOUT / "docs" / "checks.md").read_text() == page(), "run `just reference`"


def test_of_one_slip_made_very_often_no_more_is_told_than_anyone_reads(check: Check) -> None:
    keys = "".join(f"key{number}: 1\n" for number in range(3 * MOST_SIGHTINGS))

    problems = check("version: 1.10.0\n", f"version: 1.10.0\n{keys}")

    assert [problem.code for problem in problems].count("W102") == MOST_SIGHTINGS


def test_a_misspelt_name_is_recognised_among_very_many(tmp_path: Path) -> None:
    agent = "---\nname: {}\ndescription: One of many\nescalation: {{escalate_to: {}}}\n---\n"
    for number in range(120):
        to = "keeper-7" if number else "keeper-777"
        (tmp_path / f"keeper-{number}.md").write_text(agent.format(f"keeper-{number}", to))

    problems = check_agents(load_agents(tmp_path))

    (told,) = [problem for problem in problems if problem.code == "W201"]
    assert told.fix == "did you mean 'keeper-77'?"
