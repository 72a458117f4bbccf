"""A killed client is no cancel: its job runs on and is found again by its key."""

import asyncio
import signal
import sys
from pathlib import Path

import numpy as np

from ensemble.lab.client import Lab
from ensemble.lab.specs import read_spec

RAW = {"tool": "train", "dataset": "data.npz", "epochs": 60, "patience": 60, "seed": 3}
CLIENT = """
import asyncio, sys
from pathlib import Path
from ensemble.lab.client import Lab
from ensemble.lab.specs import read_spec

lab = Lab(Path(sys.argv[1]), Path(sys.argv[2]))
asyncio.run(lab.run(read_spec({raw!r}, where="spec"), heard=lambda _: print("heard", flush=True)))
"""


async def test_the_job_of_a_killed_client_is_found_and_not_started_again(tmp_path: Path) -> None:
    workspace, store = tmp_path / "workspace", tmp_path / "store"
    workspace.mkdir()
    x = np.random.default_rng(0).random((2000, 64)).astype("float32")
    np.savez_compressed(workspace / "data.npz", x=x, y=np.arange(2000) % 5)
    client = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CLIENT.format(raw=RAW), str(workspace), str(store)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert client.stdout is not None
    assert await asyncio.wait_for(client.stdout.readline(), 60) == b"heard\n"

    client.send_signal(signal.SIGKILL)
    await client.communicate()
    async with Lab(workspace, store) as lab:
        answer = await lab.run(read_spec(RAW, where="spec"))

    assert (answer["status"], answer["cached"]) == ("ok", True)
    assert answer["value"]["epochs_run"] == 60
