"""The arithmetic ceiling of the processor, measured: never quoted from a data sheet.

A loop of independent multiply-adds that touches no memory is written as machine code, run
on as many threads as the benchmark has, and its best slice taken. Clock, turbo and power
limits are thereby those of this machine under load. Where that cannot be done (another
processor, another format, a system that forbids it) there is no ceiling, and the reason.
"""

import ctypes
import mmap
import platform
import sys
import threading
import time
from dataclasses import dataclass

from ensemble.lab.worker.passport import processor_flags

_ACCUMULATORS = 12
_UNROLLED = 4
_SLICE_S = 0.002
_SOURCE_A, _SOURCE_B = 14, 15


@dataclass(frozen=True)
class Ceiling:
    """What the processor can do at most; `gflops` is None where it was not measured."""

    gflops: float | None
    how: str


@dataclass(frozen=True)
class _Kernel:
    instruction: str
    flops: int
    """Of one instruction: a multiply and an add for each lane."""
    opcode: int
    wide: bool
    """Bit W of the prefix: lanes of 64 bits."""
    prefix: int
    """Field pp of the prefix."""
    evex: bool
    """512 bits; else 256."""


_KERNELS = {
    "float32": (
        ("avx512f", _Kernel("vfmadd231ps zmm", 32, 0xB8, wide=False, prefix=1, evex=True)),
        ("fma", _Kernel("vfmadd231ps ymm", 16, 0xB8, wide=False, prefix=1, evex=False)),
    ),
    "float64": (
        ("avx512f", _Kernel("vfmadd231pd zmm", 16, 0xB8, wide=True, prefix=1, evex=True)),
        ("fma", _Kernel("vfmadd231pd ymm", 8, 0xB8, wide=True, prefix=1, evex=False)),
    ),
    "bfloat16": (
        ("avx512_bf16", _Kernel("vdpbf16ps zmm", 64, 0x52, wide=False, prefix=2, evex=True)),
    ),
}


def measured_ceiling(dtype: str, *, threads: int, seconds: float = 0.3) -> Ceiling:
    """Measure the multiply-adds a second that `threads` threads reach with no memory in play."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return Ceiling(None, "no method for this processor")
    flags = processor_flags()
    kernel = next((k for flag, k in _KERNELS.get(dtype, ()) if flag in flags), None)
    if kernel is None:
        return Ceiling(None, f"no multiply-add instruction for {dtype} that this method knows")
    try:
        code = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError as error:
        return Ceiling(None, f"the system forbids the measuring loop: {error.strerror}")
    code.write(machine_code(kernel))
    rates = [0.0] * threads
    start = threading.Barrier(threads)

    def work(number: int) -> None:
        loop = ctypes.CFUNCTYPE(None, ctypes.c_uint64)(
            ctypes.addressof(ctypes.c_char.from_buffer(code))
        )
        start.wait()
        rates[number] = _best_rate(loop, kernel.flops * _ACCUMULATORS * _UNROLLED, seconds)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    how = f"best slice of independent {kernel.instruction} on {threads} thread(s), measured here"
    return Ceiling(sum(rates) / 1e9, how)


def machine_code(kernel: _Kernel) -> bytes:
    """Return a function of one count: so many turns of a loop of independent multiply-adds."""
    registers = (*range(_ACCUMULATORS), _SOURCE_A, _SOURCE_B)
    clear = b"".join(_vex(0x57, n, n, n, table=1, long=False) for n in registers)
    encode = _evex if kernel.evex else _fma256
    turn = b"".join(encode(kernel, n) for n in range(_ACCUMULATORS)) * _UNROLLED
    turn += b"\x48\xff\xcf"  # dec rdi
    back = -(len(turn) + 6)
    turn += b"\x0f\x85" + back.to_bytes(4, "little", signed=True)  # jnz to the turn's start
    return clear + turn + b"\xc5\xf8\x77\xc3"  # vzeroupper; ret


def _evex(kernel: _Kernel, target: int) -> bytes:
    high = (~target >> 3 & 1) << 7 | 1 << 6 | (~_SOURCE_B >> 3 & 1) << 5 | 1 << 4 | 2
    source = kernel.wide << 7 | (~_SOURCE_A & 15) << 3 | 1 << 2 | kernel.prefix
    return bytes((0x62, high, source, 0x48, kernel.opcode, _registers(target, _SOURCE_B)))


def _fma256(kernel: _Kernel, target: int) -> bytes:
    return _vex(
        kernel.opcode,
        target,
        _SOURCE_A,
        _SOURCE_B,
        table=2,
        long=True,
        wide=kernel.wide,
        prefix=kernel.prefix,
    )


def _vex(
    opcode: int,
    target: int,
    first: int,
    second: int,
    *,
    table: int,
    long: bool,
    wide: bool = False,
    prefix: int = 0,
) -> bytes:
    high = (~target >> 3 & 1) << 7 | 1 << 6 | (~second >> 3 & 1) << 5 | table
    source = wide << 7 | (~first & 15) << 3 | long << 2 | prefix
    return bytes((0xC4, high, source, opcode, _registers(target, second)))


def _registers(target: int, second: int) -> int:
    return 0xC0 | (target & 7) << 3 | second & 7


def _best_rate(loop: "ctypes._CFunctionType", flops: int, seconds: float) -> float:  # pyright: ignore[reportPrivateUsage] - ctypes names its type so
    turns, best, end = 1000, 0.0, time.perf_counter() + seconds
    while (now := time.perf_counter()) < end:
        loop(turns)
        took = time.perf_counter() - now
        if took < _SLICE_S:
            turns *= 2  # too short to be timed well
            continue
        best = max(best, flops * turns / took)
    return best
