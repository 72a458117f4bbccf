"""How far a measured share or difference may be off: 95 % intervals."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
_Z = 1.959963984540054


def wilson(share: float, n: int) -> list[float]:
    """Return the Wilson score interval of a share seen in `n` independent trials.

    Args:
        share: in [0, 1].
        n: independent trials; repeated rows count once.

    Source: Wilson 1927, "Probable inference", eq. for the score interval.
    """
    if n == 0:
        return [0.0, 1.0]
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return [max(0.0, centre - half), min(1.0, centre + half)]


def weights_of_resamples(
    clusters: NDArray[np.int64], *, seed: int, resamples: int = RESAMPLES
) -> NDArray[np.int64]:
    """Draw bootstrap resamples of whole clusters: equal rows are drawn together.

    Args:
        clusters: `(n,)` int: which distinct row each row is.
        seed: of the draws.
        resamples: how many.

    Returns:
        `(resamples, n)` int: how often each row stands in each resample.
    """
    ids, position = np.unique(clusters, return_inverse=True)
    drawn = np.random.default_rng(seed).multinomial(
        len(ids), np.full(len(ids), 1 / len(ids)), size=resamples
    )
    counts: NDArray[np.int64] = drawn[:, position]
    return counts


def bootstrap_mean(values: NDArray[Any], clusters: NDArray[np.int64], *, seed: int) -> list[float]:
    """Return the percentile bootstrap interval of the mean of `values`, by clusters.

    Args:
        values: `(n,)` float.
        clusters: `(n,)` int: which distinct row each row is.
        seed: of the draws.
    """
    counts = weights_of_resamples(clusters, seed=seed)
    means = counts @ values.astype(np.float64) / counts.sum(axis=1)
    return percentiles(means)


def percentiles(draws: NDArray[np.float64]) -> list[float]:
    """Return the 2.5th and 97.5th percentile."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return [float(low), float(high)]
