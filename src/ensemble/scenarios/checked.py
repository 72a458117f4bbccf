"""What a check looked at, what is wrong there, and what was mended of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ensemble.agents.library import Skipped
from ensemble.agents.repairs import Repair
from ensemble.checks.fixing import Fixed
from ensemble.checks.problem import Problem
from ensemble.checks.run import in_order
from ensemble.errors import InvalidFile


@dataclass(frozen=True)
class Checked:
    """What was looked at, and what is wrong."""

    files: tuple[str, ...] = ()
    """All that were looked at, those passed over among them."""
    loaded: int = 0
    """How many of them are agents, graphs and scenarios that can be used."""
    skipped: tuple[Skipped, ...] = ()
    repaired: Mapping[str, tuple[Repair, ...]] = field(
        default_factory=dict[str, tuple[Repair, ...]]
    )
    """File to what was mended to read it."""
    problems: tuple[Problem, ...] = ()
    fixed: tuple[Fixed, ...] | None = None
    """Files that were mended in place; None where that was not asked for."""

    def __add__(self, other: "Checked") -> "Checked":
        return Checked(
            files=tuple(dict.fromkeys([*self.files, *other.files])),
            loaded=self.loaded + other.loaded,
            skipped=(*self.skipped, *other.skipped),
            repaired={**self.repaired, **other.repaired},
            problems=tuple(in_order([*self.problems, *other.problems])),
        )

    def status(self, *, strict: bool) -> int:
        """Return the exit status: 3 for an error, and for a warning where that is `strict`."""
        failing = {"error", "warning"} if strict else {"error"}
        failed = any(problem.severity in failing for problem in self.problems)
        return InvalidFile.status if failed else 0

    def document(self) -> dict[str, Any]:
        """Return it as the one JSON document of `ensemble check`."""
        document: dict[str, Any] = {
            "schema": "ensemble/check@1",
            "files": len(self.files),
            "loaded": self.loaded,
            "skipped": [{"file": skip.path, "reason": skip.reason} for skip in self.skipped],
            "repaired": [
                {
                    "file": file,
                    "repairs": [
                        {"code": r.code, "message": r.message, "line": r.line} for r in repairs
                    ],
                }
                for file, repairs in self.repaired.items()
            ],
            "problems": [
                {
                    "code": problem.code,
                    "severity": problem.severity,
                    "file": problem.file,
                    "line": problem.line,
                    "column": problem.column,
                    "message": problem.message,
                    "fix": problem.fix,
                }
                for problem in self.problems
            ],
        }
        if self.fixed is not None:
            document["fixed"] = [
                {"file": done.file, "codes": list(done.codes)} for done in self.fixed
            ]
        return document
