"""How far a measured share may be off."""

import numpy as np
import pytest

from ensemble.lab.worker.intervals import bootstrap_mean, weights_of_resamples, wilson


def test_the_wilson_interval_is_that_of_the_literature() -> None:
    low, high = wilson(0.9, 100)

    assert (low, high) == pytest.approx((0.8256, 0.9448), abs=1e-4)


def test_a_perfect_score_still_has_a_lower_end_below_one() -> None:
    low, high = wilson(1.0, 50)

    assert low < 0.95
    assert high == 1.0


def test_equal_rows_are_drawn_together() -> None:
    clusters = np.array([0, 0, 1, 2, 2, 2])

    counts = weights_of_resamples(clusters, seed=3, resamples=50)

    assert (counts[:, 0] == counts[:, 1]).all()
    assert (counts[:, 3] == counts[:, 5]).all()
    assert counts[:, [0, 2, 3]].sum(axis=1).tolist() == [3] * 50


def test_repeating_rows_does_not_narrow_the_interval() -> None:
    values = np.random.default_rng(0).random(40)
    clusters = np.arange(40)

    once = bootstrap_mean(values, clusters, seed=1)
    thrice = bootstrap_mean(np.tile(values, 3), np.tile(clusters, 3), seed=1)

    assert thrice == pytest.approx(once)


def test_the_bootstrap_covers_the_true_mean_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(5)
    covered = 0

    for seed in range(100):
        low, high = bootstrap_mean(draw.normal(size=60), np.arange(60), seed=seed)
        covered += low <= 0 <= high

    assert 86 <= covered <= 100
