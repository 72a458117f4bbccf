"""What `ensemble check` found, as text and as SARIF, and what `--fix` mended."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ensemble.checks.fixing import fix
from ensemble.checks.sarif import as_sarif as sarif_of
from ensemble.scenarios.checking import Checked


def fixed(checked: Checked) -> list[dict[str, Any]]:
    """Mend what can be mended by rule; return each file changed, with the codes of its problems.

    Raises:
        CannotWrite: a file cannot be written.
    """
    return [{"file": done.file, "codes": list(done.codes)} for done in fix(checked.problems)]


def as_text(checked: Checked, fixed: Sequence[Mapping[str, Any]] = ()) -> str:
    """Return every problem with its place and fix, and the count of all."""
    lines = [f"{done['file']}: mended {', '.join(done['codes'])}" for done in fixed]
    lines += [f"{skip.path}: skipped, {skip.reason}" for skip in checked.skipped]
    lines += map(str, checked.problems)
    count = Counter(problem.severity for problem in checked.problems)
    lines.append(
        f"{len(checked.files)} files checked, {count['error']} errors, {count['warning']} warnings"
    )
    codes = Counter(problem.code for problem in checked.problems)
    if len(codes) > 1:
        lines.append("  ".join(f"{code}: {times}" for code, times in codes.most_common()))
    return "\n".join(lines)


def as_sarif(checked: Checked) -> dict[str, Any]:
    """Return one SARIF log, with files named from the working folder."""
    from importlib.metadata import version

    return sarif_of(checked.problems, version=version("ensemble-panels"), root=Path.cwd())
