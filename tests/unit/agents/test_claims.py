"""A file's own grade: two families of blocks, two scales, one form."""

from typing import Any

import pytest

from ensemble.agents.claims import claimed

FIRST: dict[str, Any] = {
    "date": "2026-01-24",
    "rubric_version": "1.0.0",
    "composite_score": 91,
    "grade": "A",
    "priority": "P4",
    "status": "production_ready",
    "dimensions": {"frontmatter_completeness": 100, "output_format": 90},
    "notes": ["a"],
    "improvements": ["b"],
}
SECOND: dict[str, Any] = {
    "date": "2026-01-24",
    "auditor": "somebody",
    "scores": {"knowledge_source_authority": 9.1, "identity_clarity": 8},
    "weighted_score": 8.7,
    "grade": "A-",
    "findings": ["c"],
    "recommendations": ["d"],
}


def test_the_family_with_dimensions_is_read() -> None:
    claim = claimed(FIRST)

    assert claim is not None
    assert (claim.score, claim.scale, claim.by) == (91.0, 100, None)
    assert claim.dimensions == {"frontmatter": 100.0, "output_format": 90.0}
    assert claim.notes == ("a", "b")


def test_the_family_with_an_auditor_is_read() -> None:
    claim = claimed(SECOND)

    assert claim is not None
    assert (claim.score, claim.scale, claim.by, claim.grade) == (8.7, 10, "somebody", "A-")
    assert claim.dimensions == {"knowledge_authority": 9.1, "identity_clarity": 8.0}
    assert claim.notes == ("c", "d")


@pytest.mark.parametrize("audit", [None, {}])
def test_a_file_that_claims_nothing_claims_nothing(audit: dict[str, Any] | None) -> None:
    assert claimed(audit) is None


def test_what_is_no_number_is_no_score() -> None:
    claim = claimed({"composite_score": True, "dimensions": ["x"], "notes": "y", "grade": 7})

    assert claim is not None
    assert (claim.score, claim.scale, claim.dimensions, claim.notes) == (None, None, {}, ())
    assert claim.grade == "7"
