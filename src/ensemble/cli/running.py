"""`run`, `replay`, `resume`, `rerecord`: commands that go through a scenario."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ensemble.cli.faults import say
from ensemble.cli.options import (
    CaseOption,
    JsonFlag,
    JsonLinesFlag,
    QuietFlag,
    ScenarioPath,
)
from ensemble.errors import EnsembleError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ensemble.scenarios.ran import Ran, Watch

    Going = Coroutine[Any, Any, Ran]

AnswersOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--answers",
        exists=True,
        file_okay=False,
        help="A folder with answers that a person wrote; repeatable.",
    ),
]


def run(  # noqa: PLR0913 - a command's options are its arguments
    scenario: ScenarioPath,
    case: CaseOption = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", help="Ask this model instead, e.g. embedded, manual, a .gguf; repeatable."
        ),
    ] = None,
    answers: AnswersOption = None,
    *,
    record: Annotated[bool, typer.Option("--record", help="Keep it as the recording.")] = False,
    cache: Annotated[
        bool | None,
        typer.Option(
            "--cache/--no-cache",
            help="Answer from kept replies what was asked before; left out, as the scenario says.",
        ),
    ] = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Accept changed load-bearing agents.")
    ] = False,
    json: JsonFlag = False,
    jsonl: JsonLinesFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Run SCENARIO live and print the decision, how far to trust it, and what it cost.

    Example: ensemble run scenarios/review.yaml
    """
    from ensemble.scenarios.loading import case_ids
    from ensemble.scenarios.planning import Choices
    from ensemble.scenarios.run import run_scenario

    choices = Choices(
        chain=tuple(model or ()),
        answers=tuple(answers or ()),
        record=record,
        cache=cache,
        accept_changes=accept_changes,
    )
    cases = case_ids(scenario) if case == "all" else [case]

    def go(one: str | None, watch: "Watch") -> "Going":
        return run_scenario(scenario, case=one, choices=choices, watch=watch)

    return _through(cases, go, json=json, jsonl=jsonl, quiet=quiet)


def replay(
    scenario: ScenarioPath,
    case: Annotated[
        str | None,
        typer.Option("--case", help="A case of the scenario; left out, every recorded one."),
    ] = None,
    *,
    json: JsonFlag = False,
    jsonl: JsonLinesFlag = False,
    quiet: QuietFlag = False,  # noqa: ARG001 - as the other commands have it
) -> int:
    """Answer SCENARIO from its recordings: no network, no model, no lab.

    Example: ensemble replay scenarios/review.yaml --case expert
    """
    from ensemble.scenarios.replay import recorded_cases, replay_scenario

    listed = recorded_cases(scenario) if case in (None, "all") else []
    cases = [one for one, _ in listed] or [None if case == "all" else case]

    def go(one: str | None, watch: "Watch") -> "Going":
        return replay_scenario(scenario, case=one, watch=watch)

    # Nothing is awaited in a replay, so there is no progress to show.
    return _through(cases, go, json=json, jsonl=jsonl, quiet=True)


def resume(
    run: Annotated[str, typer.Argument(help="A run's id, or its folder.")],
    answers: AnswersOption = None,
    *,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            metavar="[KEY=]TEXT",
            help="Answer a question that waits, e.g. promote, or person=@why.md; repeatable.",
        ),
    ] = None,
    json: JsonFlag = False,
    jsonl: JsonLinesFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Go on with a run that was killed, interrupted or paused; nothing is paid for twice.

    Example: ensemble resume r-20260101-120000-abcdef --answer confirm
    """
    from ensemble.scenarios.planning import Choices
    from ensemble.scenarios.run import resume_run
    from ensemble.scenarios.runs import run_folder

    folder = run_folder(run)
    choices = Choices(answers=tuple(answers or ()), said=tuple(answer or ()))

    def go(_: str | None, watch: "Watch") -> "Going":
        return resume_run(folder, choices=choices, watch=watch)

    return _through([None], go, json=json, jsonl=jsonl, quiet=quiet)


def rerecord(
    scenario: ScenarioPath,
    case: CaseOption = None,
    *,
    keep_answers: Annotated[
        bool, typer.Option("--keep-answers", help="Keep answers that a person wrote, re-keyed.")
    ] = False,
    json: JsonFlag = False,
    quiet: QuietFlag = False,
) -> int:
    """Make the recording of a case again.

    Example: ensemble rerecord scenarios/review.yaml --case expert --keep-answers
    """
    from ensemble.scenarios.replay import recorded_cases
    from ensemble.scenarios.rerecord import rerecord_scenario

    def go(one: str | None, watch: "Watch") -> "Going":
        return rerecord_scenario(scenario, case=one, keep_answers=keep_answers, watch=watch)

    cases = [one for one, _ in recorded_cases(scenario)] if case == "all" else [case]
    return _through(cases, go, json=json, jsonl=False, quiet=quiet)


def _through(
    cases: list[str | None],
    go: "Callable[[str | None, Watch], Going]",
    *,
    json: bool,
    jsonl: bool,
    quiet: bool,
) -> int:
    """Go through the cases one after another; print each, or all as one document."""
    import sys

    from ensemble.cli.printing import print_json, print_ran
    from ensemble.report.progress import progress

    if json and jsonl:
        raise UsageError(
            "one document or one line an event", where="--json --jsonl", fix="name one"
        )
    done: list[Ran] = []
    statuses: list[int] = []
    for case in cases:
        try:
            with progress(quiet=quiet, lines_to=sys.stdout if jsonl else None) as watch:
                ran = asyncio.run(go(case, watch))
        except EnsembleError as error:
            if len(cases) == 1:
                raise
            say(f"error: {case or 'base'}: {error}")  # the other cases still have their say
            statuses.append(error.status)
            continue
        done.append(ran)
        statuses.append(ran.status)
        if not json and not jsonl:
            print_ran(ran)
    if json and done:
        print_json(done, several=len(cases) > 1)
    return next((status for status in statuses if status), 0)
