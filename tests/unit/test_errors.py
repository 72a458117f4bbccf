"""Errors say what, where and the fix."""

import pytest

from ensemble import errors
from ensemble.errors import EnsembleError, Faults, InvalidFile, OverLimit, closest, raise_all

STATUS = {
    "UsageError": 2,
    "InvalidFile": 3,
    "Diverged": 4,
    "OverLimit": 5,
    "NoModelLeft": 6,
    "Refused": 7,
    "Paused": 8,
    "CannotWrite": 73,
    "DiskFull": 74,
    "NotOwner": 75,
}


def test_an_error_says_where_what_and_how_to_mend_it() -> None:
    fault = InvalidFile("no graph is called 'reveiw'", where="a.yaml:7:8", fix="say 'review'")

    assert str(fault) == "a.yaml:7:8: no graph is called 'reveiw'\n  fix: say 'review'"
    assert (fault.problem, fault.where, fault.fix) == (
        "no graph is called 'reveiw'",
        "a.yaml:7:8",
        "say 'review'",
    )


def test_every_kind_has_its_own_exit_status() -> None:
    kinds = {kind.__name__: kind.status for kind in EnsembleError.__subclasses__()}
    own = {name: status for name, status in kinds.items() if hasattr(errors, name)}

    assert own == {**STATUS, "Faults": EnsembleError.status}
    assert len(set(STATUS.values())) == len(STATUS)


@pytest.mark.parametrize("name", STATUS)
def test_the_drawing_of_the_errors_names_each_with_its_status(name: str) -> None:
    drawing = errors.__doc__ or ""
    lines = [line.split() for line in drawing.splitlines() if f"── {name} " in line]

    assert [line[2] for line in lines] == [str(STATUS[name])]


def test_several_faults_are_told_together_under_the_first_ones_status() -> None:
    first = OverLimit("too dear", where="a", fix="b")
    second = InvalidFile("odd", where="c", fix="d")

    with pytest.raises(Faults) as raised:
        raise_all([first, second])

    assert raised.value.faults == (first, second)
    assert str(raised.value) == f"{first}\n{second}"
    assert (raised.value.status, raised.value.where, raised.value.fix) == (5, "a", "b")
    assert raised.value.problem == "2 faults"


def test_one_fault_is_raised_as_itself_and_none_not_at_all() -> None:
    only = InvalidFile("odd", where="c", fix="d")

    raise_all([])
    with pytest.raises(InvalidFile) as raised:
        raise_all([only])

    assert raised.value is only


@pytest.mark.parametrize(
    ("name", "known", "fix"),
    [
        ("reveiw", ["review", "panel"], "did you mean 'review'?"),
        ("zzz", ["review", "panel"], "use one of: panel, review"),
        ("zzz", [], "define a graph first; there is none"),
    ],
)
def test_a_misspelt_name_is_told_the_nearest(name: str, known: list[str], fix: str) -> None:
    assert closest(name, known, kind="graph") == fix
