from __future__ import annotations

import math

import pytest

from crosshash.training.schedule import rate_factor


def test_rates_worked_by_hand() -> None:
    """20 steps, warm-up 0.2: 4 rising steps of 1/5, 2/5, 3/5, 4/5; then 0.5 (1 + cos(pi s / 20))."""
    assert [rate_factor(step, 20, 0.2) for step in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert rate_factor(4, 20, 0.2) == pytest.approx(0.5 * (1 + math.cos(math.pi / 5)))
    assert rate_factor(10, 20, 0.2) == pytest.approx(0.5)
    assert rate_factor(15, 20, 0.2) == pytest.approx(0.5 * (1 - math.sqrt(0.5)))


def test_without_warm_up_the_first_step_has_the_peak() -> None:
    assert rate_factor(0, 10, 0.0) == 1


def test_a_rise_from_zero_by_hand() -> None:
    """Half of the warm-up gives one half; a quarter of the way 0.5 (1 + cos(pi / 4)) = 0.854."""
    assert rate_factor(0, 20, 0.1, from_zero=True) == 0
    assert rate_factor(1, 20, 0.1, from_zero=True) == pytest.approx(0.5)
    assert rate_factor(5, 20, 0.1, from_zero=True) == pytest.approx(0.8536, abs=1e-4)
    assert rate_factor(20, 20, 0.1, from_zero=True) == pytest.approx(0)


@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 0.99])
def test_every_step_moves_and_none_beyond_the_peak(steps: int, warmup: float) -> None:
    factors = [rate_factor(step, steps, warmup) for step in range(steps)]
    assert all(0 < factor <= 1 for factor in factors)


def test_the_rate_rises_then_falls() -> None:
    factors = [rate_factor(step, 100, 0.1) for step in range(100)]
    top = factors.index(max(factors))
    assert 9 <= top <= 10
    assert factors[:top] == sorted(factors[:top])
    assert factors[top:] == sorted(factors[top:], reverse=True)


def test_other_schedules_by_hand() -> None:
    """Half way: exponential to 1e-4 is at 1e-2, constant at 1, cosine to 0.2 at 0.2 + 0.8 / 2."""
    assert rate_factor(5, 10, 0.0, "exponential", 1e-4) == pytest.approx(1e-2)
    assert rate_factor(5, 10, 0.0, "constant") == 1
    assert rate_factor(5, 10, 0.0, "cosine", 0.2) == pytest.approx(0.6)
