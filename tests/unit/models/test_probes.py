"""What is there to be asked."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ensemble.config import Provider as OwnServer
from ensemble.models import probes as probes_module
from ensemble.models.probes import Probes, ollama_address
from ensemble.testing.ollama_server import ollama_server


@asynccontextmanager
async def lists(*models: Any, key: str = "") -> AsyncGenerator[str]:
    """Serve a list of models to who holds the key, and yield the server's base URL."""

    async def listing(request: web.Request) -> web.Response:
        if key and request.headers.get("Authorization") != f"Bearer {key}":
            return web.json_response({"error": "who are you"}, status=401)
        return web.json_response({"object": "list", "data": models})

    app = web.Application()
    app.router.add_get("/v1/models", listing)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}/v1"
    finally:
        await runner.cleanup()


async def silent(body: dict[str, Any]) -> str:
    return ""


@pytest.mark.parametrize(
    ("named", "address"),
    [
        ("", ("http", "127.0.0.1:11434")),
        ("0.0.0.0", ("http", "127.0.0.1:11434")),  # noqa: S104
        ("10.0.0.5", ("http", "10.0.0.5:11434")),
        (":4000", ("http", "127.0.0.1:4000")),
        ("box:4000", ("http", "box:4000")),
        ("http://box", ("http", "box:80")),
        ("https://box/", ("https", "box:443")),
        ("https://box:8443", ("https", "box:8443")),
        ("[::1]:4000", ("http", "[::1]:4000")),
    ],
)
def test_ollamas_address_is_read_as_ollama_reads_it(named: str, address: tuple[str, str]) -> None:
    assert ollama_address(named) == address


async def test_tags_are_asked_for_once() -> None:
    async with ollama_server(silent, tags=["llama3.3:70b"]) as server:
        probes = Probes({"OLLAMA_HOST": server.host})
        before = await probes.ollama_tags()
        server.tags = []

        after = await probes.ollama_tags()

    assert before == after == ("llama3.3:70b",)


async def test_an_ollama_that_is_not_there_is_said_with_its_address() -> None:
    async with ollama_server(silent) as server:
        host = server.host

    assert await Probes({"OLLAMA_HOST": host}).ollama_missing("x") == (
        f"Ollama does not answer at {host}"
    )


@pytest.mark.parametrize("named", ["host:abc", "http://[bad", "host:99999"])
async def test_an_ollama_host_that_is_none_is_said_as_it_stands(named: str) -> None:
    probes = Probes({"OLLAMA_HOST": named})

    assert await probes.ollama_missing("x") == f"OLLAMA_HOST is no host:port: {named!r}"
    assert probes.ollama_host == named


def test_an_empty_key_is_none() -> None:
    probes = Probes({"A_KEY": "k", "B_KEY": " "})

    assert probes.has_key("A_KEY")
    assert not probes.has_key("B_KEY")
    assert not probes.has_key("C_KEY")


def test_a_package_is_looked_for_without_importing_it() -> None:
    probes = Probes({})

    assert probes.can_import("json")
    assert not probes.can_import("no_such_package")


def test_weights_of_the_users_own_have_to_be_there(tmp_path: Path) -> None:
    gguf = tmp_path / "mine.gguf"
    missing = Probes({}).embedded_missing(gguf)
    gguf.write_bytes(b"GGUF")

    assert missing == f"there are no weights at {gguf}"
    assert Probes({}).embedded_missing(gguf) is None


def test_weights_that_may_not_be_fetched_are_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENSEMBLE_CACHE", str(tmp_path))
    monkeypatch.setenv("ENSEMBLE_OFFLINE", "1")

    missing = Probes({}).embedded_missing(None)

    assert missing is not None
    assert "ENSEMBLE_OFFLINE" in missing


def test_without_its_engine_there_is_no_embedded_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def found_nothing(name: str) -> None:
        return None

    monkeypatch.setattr(probes_module, "find_spec", found_nothing)

    assert Probes({}).embedded_missing(None) == (
        "no embedded engine: pip install 'ensemble-panels[local]'"
    )


@pytest.mark.parametrize(
    ("told", "window"),
    [
        ({"max_model_len": 32768}, 32768),  # vLLM
        ({"meta": {"n_ctx": 4096, "n_ctx_train": 131072}}, 4096),  # llama.cpp
        ({"meta": {"n_ctx_train": 131072}}, None),
        ({"meta": None}, None),
        ({"context_length": "many"}, None),
    ],
)
async def test_a_window_is_what_a_server_was_started_with(
    told: dict[str, Any], window: int | None
) -> None:
    async with lists({"id": "m", **told}) as url:
        found = await Probes({}).window(OwnServer(base_url=url), "m")

    assert found == window


async def test_a_server_that_wants_a_key_is_shown_it() -> None:
    async with lists({"id": "m", "max_model_len": 9000}, key="k") as url:
        server = OwnServer(base_url=url, api_key_env="MY_KEY")
        with_key = await Probes({"MY_KEY": "k"}).window(server, "m")
        without = await Probes({}).listing(server)

    assert with_key == 9000
    assert without == {}


async def test_a_server_that_is_not_there_lists_nothing() -> None:
    async with lists() as url:
        server = OwnServer(base_url=url)

    assert await Probes({}).listing(server) is None
