"""The table of all rules, and the codes of what is refused or mended before any rule looks."""

import re
from collections.abc import Iterator
from typing import Final

from ensemble.agents.repairs import WRITTEN_OUT, Repair, in_quotes
from ensemble.checks import (
    body,
    claims,
    escalating,
    fields,
    forms,
    hidden,
    instructions,
    modes,
    triggers,
    wishes,
)
from ensemble.checks.problem import Edit, Rule, Sighting
from ensemble.checks.subject import Subject

_ITEM: Final = re.compile(r"\s*- +(\S.*?)\s*")


def mended_file(subject: Subject) -> Iterator[Sighting]:
    """A file that had to be mended to be read.

    It is loaded, and nothing of it is lost; another program may read it differently or not at
    all. The message begins with the code of the repair.
    """
    stray = any(mended.code == "R07" for mended in subject.agent.repairs)
    for mended in subject.agent.repairs:
        writable = mended.code in WRITTEN_OUT and not stray
        yield Sighting(
            (mended.line, 1),
            f"{mended.code} {mended.message}",
            "write it as it was read" + ("; --fix does" if writable else ""),
            _item_quoted(subject, mended),
            rewrites=writable,
        )


def _item_quoted(subject: Subject, mended: Repair) -> tuple[Edit, ...]:
    """Return the edit that quotes an item of texts, which is YAML without quotes, but a map."""
    found = _ITEM.fullmatch(subject.rows[mended.line - 1])
    if mended.code != "R10" or not mended.field or found is None:
        return ()
    return (Edit(mended.line, found.start(1) + 1, found[1], in_quotes(found[1])),)


RULES: Final = (
    Rule("W001", mended_file, fixable=True),
    Rule("W101", fields.misspelt_key, fixable=True),
    Rule("W102", fields.unknown_key, own_form=True),
    Rule("W103", fields.missing_description),
    Rule("W104", fields.name_differs_from_file, own_form=True),
    Rule("W105", fields.missing_version, own_form=True),
    Rule("W106", fields.unknown_tier, fixable=True),
    Rule("W107", fields.unfilled_placeholder),
    Rule("W108", fields.repeated_entry),
    Rule("W109", fields.unknown_working_role, fixable=True),
    Rule("W121", wishes.unknown_model, own_form=True),
    Rule("W122", wishes.model_below_minimum),
    Rule("W123", wishes.unknown_priority, fixable=True),
    Rule("W124", wishes.unknown_profile, fixable=True),
    Rule("W125", wishes.unknown_situation, fixable=True),
    Rule("W201", escalating.dangling_escalation, fixable=True, among=True),
    Rule("E202", escalating.cyclic_escalation, among=True),
    Rule("W203", escalating.unreachable_threshold),
    Rule("W204", escalating.hopeless_threshold),
    Rule("W205", escalating.missing_escalation, own_form=True),
    Rule("W206", escalating.escalates_to_nobody),
    Rule("W207", escalating.dangling_deferral, fixable=True, among=True),
    Rule("W208", escalating.dangling_phase, fixable=True, among=True),
    Rule("W301", modes.unknown_tool, own_form=True, fixable=True),
    Rule("W302", modes.unknown_tool_mode, own_form=True, fixable=True),
    Rule("E303", modes.undefined_tool_mode, fixable=True),
    Rule("W304", modes.undefined_cognitive_mode, fixable=True),
    Rule("W305", modes.unknown_cognitive_mode, fixable=True),
    Rule("W306", modes.wordless_mode),
    Rule("W307", modes.undefined_role, fixable=True),
    Rule("W308", modes.misspelt_role, fixable=True),
    Rule("W309", modes.wordless_role),
    Rule("W310", modes.seat_without_words, own_form=True, among=True),
    Rule("W311", modes.forbidden_tool),
    Rule("W312", modes.audit_that_writes),
    Rule("W401", body.missing_section, own_form=True),
    Rule("W402", body.misspelt_section, own_form=True, fixable=True),
    Rule("W403", body.repeated_section),
    Rule("W404", body.missing_vocabulary, own_form=True),
    Rule("W405", body.vocabulary_size, own_form=True),
    Rule("W406", body.prohibitions_count, own_form=True),
    Rule("W407", body.repeated_line),
    Rule("W411", instructions.instruction_count, own_form=True),
    Rule("W412", instructions.missing_always, own_form=True),
    Rule("W413", instructions.mode_without_instructions, own_form=True),
    Rule("W414", instructions.instructions_without_mode, own_form=True, fixable=True),
    Rule("W415", instructions.broken_numbering, fixable=True),
    Rule("W421", forms.unclosed_fence),
    Rule("W422", forms.incomplete_envelope, own_form=True),
    Rule("W423", forms.mode_without_template, own_form=True),
    Rule("W424", forms.unknown_severity, fixable=True),
    Rule("W501", triggers.dead_trigger),
    Rule("W502", triggers.sentence_trigger),
    Rule("W503", triggers.greedy_trigger),
    Rule("E601", hidden.bidi_text, fixable=True),
    Rule("E602", hidden.zero_width_text, fixable=True),
    Rule("E603", hidden.tag_text, fixable=True),
    Rule("W701", claims.contradicted_count),
    Rule("W702", claims.uncountable_score, only_informs=True),
    Rule("W703", claims.impossible_score),
    Rule("W704", claims.score_out_of_scale),
    Rule("W705", claims.undated_grade),
)

REFUSALS: Final = {
    "E001": "The file cannot be read.",
    "E002": "The file is no text: binary, or of no encoding that could be told.",
    "E003": "The file has no frontmatter.",
    "E004": "The frontmatter never ends.",
    "E005": "The frontmatter is no YAML, and no repair made YAML of it.",
    "E006": "The frontmatter uses YAML that is refused (anchors, aliases, merge keys, tags, "
    "more than 32 levels), or the file is too large.",
    "E007": "The frontmatter is no agent's: it is no map, or has no key of one.",
    "E008": "A field does not fit: its value is of a wrong type or out of its range.",
    "E009": "Two agents have the same name; the first file is used.",
    "E021": "A graph file does not describe a graph.",
    "E022": "A scenario file, or what it names, does not fit.",
    "E023": "The file is no agent, graph or scenario.",
}
"""What is refused before any rule looks, by code. All are errors."""
