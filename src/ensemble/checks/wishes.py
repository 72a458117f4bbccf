"""Rules on which models an agent asks for."""

from collections.abc import Iterator
from dataclasses import replace

from ensemble.checks.problem import Sighting
from ensemble.checks.subject import Subject
from ensemble.checks.words import PRIORITIES, PROFILES, SITUATIONS, misspelt
from ensemble.models.registry import MODELS, NO_MODEL, SIZES, model_named
from ensemble.strict_yaml import Path


def unknown_model(subject: Subject) -> Iterator[Sighting]:
    """A model that is neither known by name nor written as `provider/model`.

    The chain passes over it, and the next wish or the embedded model answers.
    """
    for path, name in _wishes(subject):
        if "/" in name or model_named(name) is not None:
            continue
        meant = misspelt(name, MODELS, cutoff=0.6)
        otherwise = "write provider/model, or map the name under [aliases] in your settings"
        told = f"no model is called {name!r}"
        seen = Sighting.unknown(subject.at(*path), name, meant, told, otherwise)
        yield replace(seen, edits=())  # which model answers is nothing to guess


def model_below_minimum(subject: Subject) -> Iterator[Sighting]:
    """A wish that is smaller than the file's own `minimum_tier`.

    The chain passes over it, so it is no wish at all.
    """
    smallest = subject.spec.model_selection.minimum_tier
    if smallest is None:
        return
    for path, name in _wishes(subject):
        model = model_named(name)
        if model is not None and SIZES.index(model.size) < SIZES.index(smallest):
            yield Sighting(
                subject.at(*path),
                f"{name} is {model.size}, and minimum_tier asks for {smallest}",
                "remove it, or lower minimum_tier",
            )


def unknown_priority(subject: Subject) -> Iterator[Sighting]:
    """A priority that is none of the format's own words.

    Nothing that ranks models by priorities can know it.
    """
    for index, word in enumerate(subject.spec.model_selection.priorities):
        if word not in PRIORITIES:
            path = ("model_selection", "priorities", index)
            yield _unknown(subject, path, word, PRIORITIES, kind="priority")


def unknown_profile(subject: Subject) -> Iterator[Sighting]:
    """A profile that is none of the format's own words.

    A run in that situation takes the wishes in the file's order, as if it named none.
    """
    for situation, word in subject.spec.model_selection.profiles.items():
        if word not in PROFILES:
            path = ("model_selection", "profiles", situation)
            yield _unknown(subject, path, word, PROFILES, kind="profile")


def unknown_situation(subject: Subject) -> Iterator[Sighting]:
    """A situation that is none of the format's own: default, interactive, batch, review.

    The profile named for it is used only where a scenario's `models.profile` asks for it.
    """
    for situation in subject.spec.model_selection.profiles:
        if situation in SITUATIONS:
            continue
        yield Sighting.unknown(
            subject.at_key("model_selection", "profiles", situation),
            situation,
            misspelt(situation, SITUATIONS),
            f"no situation is called {situation!r}",
            f"use one of: {', '.join(SITUATIONS)}",
        )


def _wishes(subject: Subject) -> Iterator[tuple[Path, str]]:
    """Yield each model that the file asks for, and where."""
    if subject.spec.model is not None and subject.spec.model not in NO_MODEL:
        yield ("model",), subject.spec.model
    for index, name in enumerate(subject.spec.model_fallbacks):
        yield ("model_fallbacks", index), name


def _unknown(
    subject: Subject, path: Path, word: str, known: tuple[str, ...], *, kind: str
) -> Sighting:
    meant = misspelt(word, known, cutoff=0.6)
    told, otherwise = f"no {kind} is called {word!r}", f"use one of: {', '.join(known)}"
    return Sighting.unknown(subject.at(*path), word, meant, told, otherwise)
