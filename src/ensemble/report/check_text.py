"""What `ensemble check` found, as text and as SARIF."""

from collections import Counter
from pathlib import Path
from typing import Any

from ensemble.checks.sarif import as_sarif as sarif_of
from ensemble.scenarios.checked import Checked


def as_text(checked: Checked) -> str:
    """Return every problem with its place and fix, and the count of all."""
    lines = [f"{done.file}: mended {', '.join(done.codes)}" for done in checked.fixed or ()]
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
