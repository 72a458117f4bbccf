"""Two small classifiers, and how their weights are kept: as safetensors, never as pickles."""

# pyright: reportUnknownMemberType=false
# torch leaves parameters of its own functions without a type.

import hashlib
import json
import math
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import safe_open
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType] - PathLike
from torch import Tensor, nn

from ensemble.lab.worker.contract import Unfit


def network(arch: str, *, features: int, classes: int, hidden: int, dropout: float) -> nn.Module:
    """Return an untrained classifier of `(batch, features)` rows.

    Raises:
        Unfit: a `cnn` is asked for rows that are no square images.
    """
    if arch == "mlp":
        return nn.Sequential(
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )
    side = math.isqrt(features)
    if side * side != features or side < 4:  # noqa: PLR2004 - smaller has nothing to pool
        raise Unfit("shape", f"a cnn needs square images of 4 x 4 or more; rows have {features}")
    return nn.Sequential(
        nn.Unflatten(1, (1, side, side)),  # (batch, 1, side, side)
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),  # (batch, 32 * (side // 2) ** 2)
        nn.Linear(32 * (side // 2) ** 2, hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, classes),
    )


def weights_sha256(tensors: dict[str, Tensor]) -> str:
    """Return one hash over the names and bytes of all tensors."""
    total = hashlib.sha256()
    for name in sorted(tensors):
        total.update(name.encode())
        total.update(tensors[name].detach().cpu().contiguous().numpy().tobytes())
    return f"sha256:{total.hexdigest()}"


def save_weights(path: Path, tensors: dict[str, Tensor], about: dict[str, Any]) -> None:
    """Keep tensors and what is needed to use them; the file's bytes depend on nothing else."""
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(kept, path, metadata={"about": json.dumps(about, sort_keys=True)})


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a file and what was kept beside them."""
    opened: Any = safe_open(path, framework="pt")
    with opened as file:
        about: dict[str, Any] = json.loads(file.metadata()["about"])
        return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118


def be_deterministic(threads: int) -> None:
    """Make equal seeds give equal weights, with the precision set and not inherited."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(mode=True)
    torch.backends.cudnn.benchmark = False
    torch.set_float32_matmul_precision("highest")


def limit_cuda_memory(mib: int) -> None:
    """Hold the CUDA allocator of this process to `mib`."""
    device = cast("Any", torch.cuda.get_device_properties(0))
    torch.cuda.set_per_process_memory_fraction(min(1.0, (mib << 20) / device.total_memory))
