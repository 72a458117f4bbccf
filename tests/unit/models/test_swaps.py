"""Whose turn it is at a host that holds one model at a time."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ensemble.models.swaps import IN_A_ROW, Host


async def order_of(calls: Sequence[str], host: Host | None = None, pause_s: float = 0) -> list[str]:
    """Return the models in the order in which a host is asked them, all called side by side."""
    host, order, inside = host or Host(), list[str](), list[str]()

    async def one(model: str) -> None:
        async with host.turn_of(model):
            order.append(model)
            inside.append(model)
            assert set(inside) == {model}
            await asyncio.sleep(pause_s)
            inside.remove(model)

    await asyncio.gather(*map(one, calls))
    return order


def swaps(order: Sequence[str]) -> int:
    return sum(one != other for one, other in pairwise(order))


async def test_calls_of_two_models_side_by_side_cost_one_swap() -> None:
    assert await order_of(["a", "b"] * 3) == ["a", "a", "a", "b", "b", "b"]


async def test_the_model_that_is_loaded_goes_first_in_the_next_step() -> None:
    host = Host()
    await order_of(["a", "b"], host)

    assert await order_of(["a", "b", "a", "b"], host) == ["b", "b", "a", "a"]


async def test_nobody_waits_for_ever_behind_a_model_that_is_always_asked() -> None:
    host, order = Host(), list[str]()

    async def keep_asking() -> None:
        for _ in range(2 * IN_A_ROW):
            async with host.turn_of("a"):
                order.append("a")
                await asyncio.sleep(0)

    async def once() -> None:
        async with host.turn_of("b"):
            order.append("b")

    await asyncio.gather(keep_asking(), keep_asking(), once())

    assert order.index("b") < IN_A_ROW + 10


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_a_step_costs_a_swap_for_each_further_model(calls: list[str]) -> None:
    order = asyncio.run(order_of(calls))

    assert sorted(order) == sorted(calls)
    assert swaps(order) == len(set(calls)) - 1


async def test_who_gives_up_waiting_holds_nobody_up() -> None:
    host, free = Host(), asyncio.Event()

    async def hold() -> None:
        async with host.turn_of("a"):
            await free.wait()

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(order_of(["b"], host))
    await asyncio.sleep(0.01)
    waiting.cancel()
    free.set()
    await holding

    assert await asyncio.wait_for(order_of(["c"], host), 5) == ["c"]


async def test_who_gives_up_as_it_is_let_in_holds_nobody_up() -> None:
    host, free = Host(), asyncio.Event()

    async def hold() -> None:
        async with host.turn_of("a"):
            await free.wait()

    holding = asyncio.create_task(hold())
    await asyncio.sleep(0)
    waiting = asyncio.create_task(order_of(["b"], host))
    await asyncio.sleep(0.01)
    free.set()
    holding.add_done_callback(lambda _: waiting.cancel())
    await asyncio.wait([holding, waiting])

    assert await asyncio.wait_for(order_of(["c"], host), 5) == ["c"]
