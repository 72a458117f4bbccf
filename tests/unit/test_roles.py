"""The words of the agent format, and what each role means by itself."""

import pytest

from ensemble.roles import ROLE_DEFAULTS, CognitiveMode, Role, Severity, ToolMode


def test_every_role_of_the_format_has_a_meaning() -> None:
    assert set(ROLE_DEFAULTS) == set(Role)
    assert len({default.behaviour for default in ROLE_DEFAULTS.values()}) == len(Role)


@pytest.mark.parametrize("role", Role)
def test_a_role_means_modes_that_exist(role: Role) -> None:
    default = ROLE_DEFAULTS[role]

    assert set(default.modes) <= set(CognitiveMode)
    assert set(default.tool_modes or ()) <= {ToolMode.AUDIT, ToolMode.RESEARCH}
    assert default.behaviour.endswith(".")


def test_severities_rank_from_the_worst() -> None:
    ranked = sorted(Severity, key=lambda level: level.rank)

    assert ranked == ["CRITICAL", "HIGH", "WARNING", "MEDIUM", "LOW", "INFO"]
    assert Severity.CRITICAL.rank == 0


def test_a_role_is_found_by_its_plain_name() -> None:
    assert ROLE_DEFAULTS["panel_member"] is ROLE_DEFAULTS[Role.PANEL_MEMBER]
