"""The closed words of the agent format that only checks need, and the nearest one to a misspelling.

Unknown words never stop a run; a check names them, because nearly all are slips of the pen.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from heapq import nlargest
from typing import Final

PRIORITIES: Final = (
    "quality",
    "speed",
    "cost",
    "code_generation",
    "code_debugging",
    "reasoning",
    "math",
    "tool_use",
    "writing",
)
"""What a model can be ranked by."""
PROFILES: Final = (
    "quality_critical",
    "interactive",
    "batch",
    "code_generation",
    "code_review",
    "math_reasoning",
    "documentation",
    "budget",
    "exploration",
    "security_audit",
    "balanced",
)
"""Named ways to rank models."""
SITUATIONS: Final = ("default", "interactive", "batch", "review")
"""Kinds of run that a file can name a profile for."""
TIERS: Final = {"focused": (5, 10), "expert": (15, 20), "phd": (25, 35)}
"""How deep a file goes, and how many instructions that takes."""
WORKING_ROLES: Final = ("executor", "auditor", "advisor", "architect", "explorer")
"""What an agent's own `role` may be."""
TOOLS: Final = (
    "Read",
    "Write",
    "Edit",
    "MultiEdit",
    "Grep",
    "Glob",
    "LS",
    "Bash",
    "WebSearch",
    "WebFetch",
    "Task",
    "Agent",
    "TodoWrite",
    "NotebookRead",
    "NotebookEdit",
    "Skill",
)
"""Tools that some runner of agent files knows."""


def is_tool(name: str) -> bool:
    """Return whether some runner has a tool of this name, or an MCP server may serve it."""
    return name in TOOLS or name == "*" or "__" in name or "/" in name


WRITERS: Final = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
"""Tools that change files."""
WEB: Final = frozenset({"WebSearch", "WebFetch"})
"""Tools that read what lies elsewhere."""
AUDIT_KEYS: Final = (
    "date",
    "auditor",
    "rubric_version",
    "composite_score",
    "weighted_score",
    "grade",
    "priority",
    "status",
    "dimensions",
    "scores",
    "notes",
    "improvements",
    "findings",
    "recommendations",
)
"""Keys of a file's own grade, of both families."""
DIMENSIONS: Final = (
    "structural_completeness",
    "tier_alignment",
    "instruction_quality",
    "vocabulary_calibration",
    "knowledge_authority",
    "knowledge_source_authority",
    "identity_clarity",
    "anti_pattern_specificity",
    "output_format",
    "output_format_compliance",
    "frontmatter",
    "frontmatter_completeness",
    "cross_agent_consistency",
)
"""What a file's own grade is made of."""


def misspelt(word: str, known: Iterable[str], *, cutoff: float = 0.75) -> str | None:
    """Return the known word that `word` is most likely meant to be; None if it is known.

    Among very many, only those that begin and end most alike are compared.
    """
    names = list(known)
    if word in names:
        return None
    if len(names) > _MANY:
        names = nlargest(_MANY, names, key=lambda name: _alike(name, word))
    near = get_close_matches(word, names, n=1, cutoff=cutoff)
    return near[0] if near else None


def _alike(one: str, other: str) -> int:
    """Return how many characters two words share at their beginnings and their ends."""
    return _shared(one, other) + _shared(one[::-1], other[::-1])


def _shared(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


_MANY: Final = 64
