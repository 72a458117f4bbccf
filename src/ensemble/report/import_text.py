"""What an import did, as text or as one JSON document: file by file, field by field."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ensemble.agents.importing import Imported, Report


def as_text(report: Report) -> str:
    """Return the loss report of every file, and a line of sums."""
    lines = [line for file in report.files for line in _file(file)]
    lines += [f"{item.path}: passed over, {item.reason}" for item in report.skipped]
    lines += [f"refused: {fault}" for fault in report.faults]
    refused = {fault.where.rsplit(":", 2)[0] for fault in report.faults}
    written = sum(file.written is not None for file in report.files)
    left = sum(len(file.lost) for file in report.files)
    lines.append(
        f"{written} of {len(report.files)} agents written, {left} fields not acted on,"
        f" {len(refused)} files refused, {len(report.skipped)} passed over"
    )
    return "\n".join(lines)


def as_document(report: Report) -> dict[str, Any]:
    """Return the same as one JSON document."""
    return {
        "schema": "ensemble/import@1",
        "files": [{**asdict(file), "lost": file.lost} for file in report.files],
        "skipped": [asdict(item) for item in report.skipped],
        "faults": [
            {"where": fault.where, "problem": fault.problem, "fix": fault.fix}
            for fault in report.faults
        ],
    }


def _file(file: Imported) -> Iterator[str]:
    end = file.written or f"not written: {file.reason}"
    yield f"{file.source} ({file.dialect}) -> {end}"
    kept = [fate.field for fate in file.fates if fate.outcome == "kept"]
    if kept or not file.fates:
        yield f"  kept          {', '.join(kept) or 'all, as it stands'}"
    for fate in file.fates:
        if fate.outcome != "kept":
            yield f"  {fate.outcome:<13} {fate.field}: {fate.detail}"
    for item in file.repairs:
        yield f"  repaired      {item.code} line {item.line}: {item.message}"
