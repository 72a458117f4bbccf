"""Slips of the pen in the project's first agent file, and the code that each must raise.

Data and the one function that makes a mutated file of it. The line where a problem is due is
found in the mutated text, not by any rule.
"""

from typing import Final, NamedTuple


class Mutation(NamedTuple):
    """One slip."""

    code: str
    """What must be raised."""
    old: str
    """A text that stands in the file; only its first occurrence is changed."""
    new: str
    at: str = ""
    """A text whose first line in the mutated file is the place; left out, that of `new`."""

    @property
    def name(self) -> str:
        """A short name for a test or a message."""
        return f"{self.code} {' '.join((self.new or self.old).split())[:40]}"

    def applied(self, seed: str) -> tuple[str, int]:
        """Return the mutated file, and the line where the problem is due.

        Raises:
            ValueError: the file has no such text.
        """
        if self.old not in seed:
            raise ValueError(f"the seed holds no {self.old!r}")
        text = seed.replace(self.old, self.new, 1)
        if self.at:
            return text, text[: text.index(self.at)].count("\n") + 1
        start = seed.index(self.old)
        shared = len(self.new) - len(self.new.lstrip("\n"))
        return text, text[: start + shared].count("\n") + 1


def _key(old: str, new: str) -> Mutation:
    return Mutation("W101", f"\n{old}:", f"\n{new}:")


_FIRST_OF_BODY: Final = "# ML Engineer"
MUTATIONS: Final = (
    # a typo in each key
    _key("description", "descripton"),
    _key("model", "modle"),
    _key("model_fallbacks", "model_falbacks"),
    _key("model_selection", "model_selecton"),
    _key("tier", "teir"),
    _key("tools", "tols"),
    _key("cognitive_modes", "cogntive_modes"),
    _key("ensemble_roles", "ensamble_roles"),
    _key("escalation", "escallation"),
    _key("role", "roel"),
    _key("load_bearing", "load_baering"),
    _key("proactive_triggers", "proactive_trigers"),
    _key("version", "verison"),
    _key("audit", "audti"),
    _key("name", "nmae"),
    _key("  priorities", "  prioritys"),
    _key("  minimum_tier", "  minimun_tier"),
    _key("  profiles", "  profils"),
    _key("  confidence_threshold", "  confidence_treshold"),
    _key("  escalate_to", "  escalate_too"),
    _key("  triggers", "  trigers"),
    _key("    mindset", "    mindest"),
    _key("    output", "    ouput"),
    _key("  composite_score", "  composit_score"),
    Mutation("W102", "\nversion:", "\nfavourite_colour: green\nversion:", "favourite_colour"),
    # a typo in each closed word
    Mutation("W106", "\ntier: expert", "\ntier: exprt"),
    Mutation("W109", "\nrole: executor", "\nrole: exectuor"),
    Mutation("W121", "\nmodel: opus", "\nmodel: opuss"),
    Mutation("W121", "  - gemma3:27b", "  - gemma3:72b"),
    Mutation("W123", "[math,", "[maths,", "priorities: [maths"),
    Mutation("W124", "default: math_reasoning", "default: math_resoning"),
    Mutation("W125", "    batch: budget", "    bacth: budget"),
    Mutation("W301", "audit: Read, Grep, Glob", "audit: Read, Gerp, Glob"),
    Mutation("W302", "\n  audit: Read", "\n  audt: Read"),
    Mutation("E303", "default_mode: solution", "default_mode: soluton"),
    Mutation("W304", "default: generative", "default: generatve"),
    Mutation("W305", "\n  critical:", "\n  critcal:"),
    Mutation("W307", "default: solo", "default: slo"),
    Mutation("W308", "\n  auditor:", "\n  audtior:"),
    Mutation("W201", "escalate_to: senior-architect", "escalate_to: senior-architct"),
    Mutation("W207", "defer to mlops-engineer", "defer to mlops-enginer", "mlops-enginer"),
    # a wrong type, a value out of its range
    Mutation("E008", "confidence_threshold: 0.6", "confidence_threshold: high"),
    Mutation("E008", "confidence_threshold: 0.6", "confidence_threshold: 1.6"),
    Mutation("E008", "minimum_tier: medium", "minimum_tier: gigantic"),
    Mutation("E008", "load_bearing: false", "load_bearing: maybe"),
    Mutation("E008", "description: Builds", "description: [a]\nx-was: Builds", "description: [a]"),
    Mutation("E008", "priorities: [math, reasoning, quality]", "priorities: {math: 1}"),
    Mutation("E008", "version: 1.2.0", "version: [1, 2, 0]"),
    Mutation("E008", '  solo: "', '  solo: [a]\n  x-was: "', "solo: [a]"),
    Mutation("E008", "  audit: Read, Grep, Glob, Bash", "  audit: {Read: {}}"),
    Mutation("E006", "\ntier: expert", "\ntier: &anchored expert"),
    Mutation("W001", "\ntier: expert", '\ntier: "expert'),
    Mutation("E006", "\ntier: expert", "\n? [expert]"),
    Mutation("E004", "\n---\n\n#", "\n\n#", "---"),
    Mutation("E003", "---\n", "", "# ="),
    Mutation("W001", "\ntier: expert", "\ntier: focused\ntier: expert", "tier: expert"),
    # a missing block
    Mutation("W103", "description: Builds", "description: ''\nx-was: Builds", "description: ''"),
    Mutation("W105", "\nversion: 1.2.0", "", "name: ml"),
    Mutation("W105", "\nversion: 1.2.0", "\nversion: latest"),
    Mutation("W205", "\nescalation:", "\nx-was:", "name: ml"),
    Mutation("W206", "\n  escalate_to: senior-architect", "", "escalation:\n"),
    Mutation("W306", '    mindset: "Audit implementations', '    risk: "Audit', "  critical:\n"),
    Mutation("W309", '  auditor: "Adversarial review,', '  auditor: ""\n  x-was: "', 'auditor: ""'),
    Mutation("W401", "\n## Identity\n", "\n## Who\n", _FIRST_OF_BODY),
    Mutation("W401", "\n## Instructions\n", "\n## To do\n", _FIRST_OF_BODY),
    Mutation("W401", "\n## Never\n", "\n## Not\n", _FIRST_OF_BODY),
    Mutation("W401", "\n## Knowledge Sources\n", "\n## Books\n", _FIRST_OF_BODY),
    Mutation("W401", "\n## Output Format\n", "\n## Form\n", _FIRST_OF_BODY),
    Mutation("W402", "\n## Identity\n", "\n## Identiy\n"),
    Mutation("W404", "**Vocabulary**", "**Words**", "## Identity"),
    Mutation("W412", "\n### Always (all modes)\n", "\n### When Critical\n", "## Instructions"),
    Mutation("W413", "\n### When Critical\n", "\n### When Generative\n", "  critical:\n"),
    Mutation("W414", "\n### When Critical\n", "\n### When Critcal\n"),
    Mutation("W422", "**Verification**: {T", "**Check**: {T", "### Output Envelope"),
    Mutation("W423", "### For Audit Mode", "### For Another Mode", "## Output Format"),
    # what contradicts itself
    Mutation("W104", "\nname: ml-engineer", "\nname: ml-tinkerer"),
    Mutation("W107", "\nrole: executor", "\nrole: executor | auditor | advisor"),
    Mutation("W107", "description: Builds", "description: '{domain} expert'\nx-was: B", "{domain}"),
    Mutation("W108", "[math, reasoning, quality]", "[math, reasoning, math]", "priorities:"),
    Mutation("W122", "minimum_tier: medium", "minimum_tier: large", "- Qwen2.5-Coder-32B"),
    Mutation("E202", "escalate_to: senior-architect", "escalate_to: ml-engineer"),
    Mutation("W203", "confidence_threshold: 0.6", "confidence_threshold: 0.2"),
    Mutation("W204", "confidence_threshold: 0.6", "confidence_threshold: 0.95"),
    Mutation("W311", '"Design innovative', '"Never write code; design', "solution: Read"),
    Mutation("W311", "- Deploy models without", "- Edit files\n- Deploy", "solution: Read"),
    Mutation("W312", "audit: Read, Grep", "audit: Read, Write, Grep"),
    Mutation("W403", "\n## Specializations\n", "\n## Never\n", "## Never\n\n### Model"),
    Mutation("W405", "model training, hyperparameter", "model training\n\n**Also**: h", "**Vocab"),
    Mutation("W406", "\n- Deploy models without validation", "\n- Lie\n- Deploy", "## Never"),
    Mutation(
        "W407",
        "- Optimize without profiling",
        "- Skip monitoring for data drift and performance degradation\n- Optimize without",
        "- Skip monitoring for data drift and performance degradation\n- Make",
    ),
    Mutation("W411", "\ntier: expert", "\ntier: focused", "## Instructions"),
    Mutation("W415", "\n10. Verify", "\n12. Verify"),
    Mutation("W424", "### [CRITICAL]", "### [CRITCAL]"),
    Mutation("W501", '"*.pt"', '"src//*.pt"'),
    Mutation("W502", '"*.pt"', '"Slow training runs"'),
    Mutation("W503", '"*.pt"', '"**/*"'),
    # what nobody sees
    Mutation("E601", "You are a machine", "You are \u202ea machine", "You are \u202e"),
    Mutation("E602", "You are a machine", "You are a ma\u200bchine", "a ma\u200b"),
    Mutation("E603", "You are a machine", "You are \U000e0069\U000e0067 a machine", "\U000e0069"),
    # what it says of itself
    Mutation("W701", '"18 vocabulary terms', '"21 vocabulary terms'),
    Mutation("W701", '"17 instructions', '"19 instructions'),
    Mutation("W701", "with 10 specific anti-patterns", "with 12 specific anti-patterns"),
    Mutation("W703", "composite_score: 91", "composite_score: 40"),
    Mutation("W704", "tier_alignment: 90", "tier_alignment: 900"),
    Mutation("W705", "date: 2026-01-24", "date: last year"),
)
