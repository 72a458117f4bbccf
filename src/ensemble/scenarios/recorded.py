"""Which recorded run a word on the command line means."""

from pathlib import Path

from ensemble.errors import UsageError
from ensemble.scenarios.loading import load_scenario
from ensemble.scenarios.replay import recording_of
from ensemble.scenarios.runs import run_folder


def recorded(what: str, case: str | None = None) -> Path:
    """Return the folder of a run, of a recording, or of the recording of a scenario's case.

    Args:
        what: a run's id or the end of it, a folder, or a scenario's file.
        case: a case of the scenario; None is the base.

    Raises:
        UsageError: there is no such run, or a case is named of what is no scenario.
        InvalidFile: the case has no recording.
    """
    if what.endswith((".yaml", ".yml")):
        return recording_of(load_scenario(what, case=case))
    if case is not None:
        raise UsageError(
            "only a scenario has cases", where=f"--case {case}", fix="name the scenario's file"
        )
    return run_folder(what)
