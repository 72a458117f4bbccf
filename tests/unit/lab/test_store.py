"""Where answers are kept and found again."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from ensemble.errors import CannotWrite
from ensemble.lab.store import RESULT, Store, keep_result

KEY = "sha256:" + "b" * 64


def a_kept_answer(store: Store, **fields: Any) -> Path:
    folder = store.folder(KEY)
    folder.mkdir(parents=True)
    keep_result(folder, {"artifacts": {}, "value": {"n": 3}} | fields)
    return folder


def test_a_kept_answer_is_found_whole(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a_kept_answer(store)

    found = store.found(KEY)

    assert found is not None
    assert found["value"] == {"n": 3}
    assert store.age_s(KEY) >= 0


def test_a_torn_answer_is_as_good_as_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    result = a_kept_answer(store) / RESULT
    result.write_bytes(result.read_bytes()[:-5])

    assert store.found(KEY) is None


def test_an_answer_whose_artifact_was_altered_is_as_good_as_none(tmp_path: Path) -> None:
    store = Store(tmp_path)
    about = {"file": "weights", "sha256": sha256(b"weights").hexdigest()}
    folder = a_kept_answer(store, artifacts={"weights": about})
    (folder / "weights").write_bytes(b"weights")
    whole = store.found(KEY)

    (folder / "weights").write_bytes(b"Weights")

    assert whole is not None
    assert store.found(KEY) is None


async def test_a_second_holder_waits_until_the_first_lets_go(tmp_path: Path) -> None:
    store, order = Store(tmp_path), list[str]()

    async def second() -> None:
        async with store.locked("lock"):
            order.append("second")

    async with store.locked("lock"):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.15)
        order.append("first")
    await waiting

    assert order == ["first", "second"]


async def test_shared_holders_do_not_wait_for_one_another(tmp_path: Path) -> None:
    store = Store(tmp_path)

    async with (
        asyncio.timeout(5),
        store.locked("lock", shared=True) as one,
        store.locked("lock", shared=True) as other,
    ):
        assert one != other


async def test_a_store_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file stands where the folder should be")

    with pytest.raises(CannotWrite) as error:
        async with Store(tmp_path / "store").locked("lock"):
            pass

    assert "writable" in error.value.fix
