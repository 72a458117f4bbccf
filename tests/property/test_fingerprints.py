"""A fingerprint is moved by what is asked, and by nothing else."""

import json
from random import Random
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.canonical import canonical, fingerprint
from ensemble.journal.redaction import Redactor

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
REQUESTS = st.fixed_dictionaries(
    {
        "kind": st.just("model"),
        "model": TEXTS,
        "messages": st.lists(st.fixed_dictionaries({"role": TEXTS, "content": TEXTS}), max_size=4),
        "tools": st.dictionaries(TEXTS, VALUES, max_size=3),
        "params": st.dictionaries(TEXTS, SCALARS, max_size=4),
    }
)


def shuffled(value: Any, chance: Random) -> Any:
    """Return the same value with the keys of every mapping in another order."""
    if isinstance(value, dict):
        items = list(cast("dict[str, Any]", value).items())
        chance.shuffle(items)
        return {key: shuffled(item, chance) for key, item in items}
    if isinstance(value, list):
        return [shuffled(item, chance) for item in cast("list[Any]", value)]
    return value


@settings(max_examples=1000)
@given(REQUESTS, st.randoms(use_true_random=False), st.sampled_from([None, 0, 1, 7]))
def test_the_order_of_keys_and_the_spacing_never_move_it(
    request: dict[str, Any], chance: Random, indent: int | None
) -> None:
    written = json.dumps(shuffled(request, chance), indent=indent, ensure_ascii=indent == 1)

    assert fingerprint(json.loads(written)) == fingerprint(request)


@settings(max_examples=1000)
@given(REQUESTS, st.data())
def test_a_change_of_one_character_anywhere_always_moves_it(
    request: dict[str, Any], data: st.DataObject
) -> None:
    texts = [path for path, text in leaves(request) if isinstance(text, str) and text]
    path = data.draw(st.sampled_from(texts))
    before: str = at(request, path)
    place = data.draw(st.integers(0, len(before) - 1))
    letter = data.draw(
        st.characters(exclude_categories=["Cs"]).filter(lambda c: c != before[place])
    )
    after = data.draw(
        st.sampled_from([
            before[:place] + letter + before[place + 1 :],
            before[:place] + before[place + 1 :],
            before + letter,
        ])
    )  # fmt: skip

    assert fingerprint(edited(request, path, after)) != fingerprint(request)


@given(VALUES)
def test_a_value_reads_back_to_the_same_bytes(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40),
    TEXTS,
    TEXTS,
)
def test_a_secret_is_never_left(secret: str, before: str, after: str) -> None:
    redactor = Redactor({"MY_TOKEN": secret})

    cleaned = redactor.clean({"messages": [f"{before}{secret}{after}"]})

    (text,) = cleaned["messages"]
    assert "<secret:" in text
    assert secret not in text.replace("<secret:MY_TOKEN>", "\0")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, dict):
        items = cast("dict[str, Any]", value).items()
        return [found for key, item in items for found in leaves(item, (*path, key))]
    if isinstance(value, list):
        listed = enumerate(cast("list[Any]", value))
        return [found for key, item in listed for found in leaves(item, (*path, key))]
    return [(path, value)]


def at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def edited(value: Any, path: tuple[str | int, ...], leaf: str) -> Any:
    """Return a copy of `value` with another leaf at `path`."""
    if not path:
        return leaf
    copy = json.loads(canonical(value))
    at(copy, path[:-1])[path[-1]] = leaf
    return copy
