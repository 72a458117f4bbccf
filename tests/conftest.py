"""What holds for every test: no live call by accident, none of the user's own settings.

A test that is marked `live` keeps the network and the keys. Any other reaches this computer
alone, and not an Ollama that happens to run on it.
"""

import ipaddress
import os
import re
import socket
from pathlib import Path
from typing import Any, Final, cast

import pytest

from ensemble.models import forms
from ensemble.models.breaker import OF_PROCESS

CHECKOUT: Final = Path(__file__).parents[1]
OLLAMA_PORT: Final = 11434


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is `live` or `slow` unless the command line names it."""
    marks: str = config.option.markexpr
    unnamed = {"live"} if re.search(r"\blive\b", marks) is None else set[str]()
    if not marks:
        unnamed.add("slow")
    if any("::" in argument for argument in config.args):
        unnamed.discard("slow")
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in unnamed)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def own_environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Take the user's settings, keys and tracing out of the environment."""
    settings = tmp_path / "settings-of-this-test.toml"
    settings.touch()
    monkeypatch.setenv("ENSEMBLE_CONFIG", str(settings))
    unwanted = _TRACING if request.node.get_closest_marker("live") else _TRACING_AND_KEYS
    for name in [name for name in os.environ if unwanted.search(name)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_model_left_alone() -> None:
    """Forget which models failed in the tests before."""
    OF_PROCESS.forget()


@pytest.fixture(autouse=True)
def own_findings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep what tests find out of models on loopback away from the user's cache."""
    monkeypatch.setattr(forms, "forms_file", lambda: tmp_path / "forms-of-this-test.json")


@pytest.fixture(autouse=True)
def no_live_calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that opens a connection to anything but this computer.

    It holds below every client library, so that none has to be imported to be stopped. The
    failure is no `Exception`: a chain that takes errors as a reason to go on does not hide it.
    """
    if request.node.get_closest_marker("live"):
        return
    connect, connect_ex, getaddrinfo = (
        socket.socket.connect,
        socket.socket.connect_ex,
        socket.getaddrinfo,
    )

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _refuse_elsewhere(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _refuse_elsewhere(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        _refuse_host(host)
        return getaddrinfo(host, *args, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_getaddrinfo)


@pytest.fixture(scope="session")
def seed() -> Path:
    """Return the agent file that the project began with; skip where it is not at hand."""
    path = CHECKOUT.parent / "shared" / "seed" / "ml-engineer.md"
    if not path.is_file():
        pytest.skip("the seed agent ml-engineer.md does not lie beside this checkout")
    return path


def _refuse_elsewhere(address: Any) -> None:
    """Refuse a socket address that is neither a path nor on this computer."""
    if not isinstance(address, tuple):
        return
    host, port, *_ = cast("tuple[Any, ...]", address)
    _refuse_host(host)
    if port == OLLAMA_PORT:
        raise ConnectionRefusedError("tests have no Ollama of their own at its usual port")


def _refuse_host(host: Any) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    if name.endswith(".invalid"):  # the name that never resolves, for tests of just that
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    try:
        here = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        here = None
    if here is None or not (here.is_loopback or here.is_unspecified):
        pytest.fail(f"a live call to {name}; mark the test `live` or use a server on loopback")


_TRACING = re.compile(r"^(LANGSMITH|LANGCHAIN)_|^OTEL_EXPORTER_")
_TRACING_AND_KEYS = re.compile(
    r"^(LANGSMITH|LANGCHAIN)_|^OTEL_EXPORTER_|_(API_KEY|AUTH_TOKEN|API_BASE|BASE_URL)$"
    r"|^OLLAMA_HOST$|^HF_TOKEN$|^(HTTPS?|ALL)_PROXY$",
    re.IGNORECASE,
)
