"""Tests the output of `xavier bench` for made-up rates, and the arithmetic of its shares."""

from __future__ import annotations

import time

import pytest

from xavier_cli.cli.terminal.output import Format, format_page
from xavier_cli.training.bench.limits import Limits
from xavier_cli.training.bench.programs import Timed
from xavier_cli.training.bench.rates import WHOLE, MeasuredRate, flops, settings, take_turns, traffic
from xavier_cli.views.speed import busy_notes, speed_page

LIMITS = Limits(2, 50.0, 100.0, 20.0, 10.0, 12.0)
MACHINE = {"processor": "a processor", "devices": "2 cpu devices", "jax": "0", "load": "0.1"}


def rate(what: str, milliseconds: float, width: int = 300) -> MeasuredRate:
    return MeasuredRate(width, 5, what, milliseconds, 50.0, 0.5, 0.1, is_rival="PyTorch" in what)


@pytest.fixture
def page():
    rates = [rate("step, map", 0.5), rate("PyTorch eager", 2.0), rate("PyTorch compiled", 1.5)]
    rates += [rate(WHOLE, 0.75), rate(WHOLE, 0.1, width=100)]
    return speed_page(rates, LIMITS, MACHINE, 4, ["a note"])


def test_ratios_are_to_the_best_of_pytorch_at_that_width(page):
    text = format_page(page, Format.PLAIN)

    assert [record["times_pytorch"] for record in page.records] == [3.0, 0.75, 1.0, 2.0, None]
    assert "against PyTorch's best: 2.0× at width 300." in text
    assert "a note" in text


def test_a_narrow_screen_shows_every_program(page):
    text = format_page(page, Format.TABLE, width=60)

    assert max(map(len, text.splitlines())) <= 60
    assert text.count("PyTorch eager") == 1


def test_work_is_counted_as_the_paper_s_network_needs_it():
    plain, delayed = (settings(1000, 5, 4, rule) for rule in ("plain", "delayed:8"))
    weights = 1024 * 1000 + 4 * 1000**2 + 1000 * 9

    assert flops(plain) == flops(delayed) == 10 * (6 * weights - 2 * 1024 * 1000)
    # 20 MB forward, 16 back, 20 written.
    assert traffic(plain) == pytest.approx(56e6, rel=0.01)
    assert traffic(delayed) == pytest.approx(36e6 + 40e6 / 8, rel=0.01)


def test_programs_take_turns_and_the_first_is_not_counted():
    calls = []
    programs = {name: Timed(lambda updates, name=name: calls.append((name, updates)), 1) for name in "ab"}
    take_turns(programs, {"a": 3, "b": 5}, rounds=2)

    assert calls == [("a", 3), ("b", 5)] * 3


def test_times_are_per_update_and_seed():
    found = take_turns({"nap": Timed(lambda updates: time.sleep(0.02), 4)}, {"nap": 5}, rounds=3)

    assert found["nap"] >= 0.02 / 5 / 4


@pytest.mark.parametrize("load", [0.9, None])
def test_a_machine_at_rest_is_not_warned_of(load):
    assert busy_notes(load, 2) == []
    assert "load 3.0 on 2 cores" in busy_notes(3.0, 2)[0]


@pytest.mark.slow
def test_every_program_runs_and_the_limits_are_limits():
    from xavier_cli.training.bench.limits import measure_limits
    from xavier_cli.training.bench.rates import measure_width
    from xavier_cli.training.engine.training_data import prepare

    limits = measure_limits(2)
    training_data = prepare(settings(20, 2, 2), None)
    rates, _ = measure_width(20, 2, 2, limits, training_data, rounds=1, seconds=0.01, compiled=False)

    assert {"bare JAX", "step, map", "step, vmap", "step, delayed:8", WHOLE} <= {r.what for r in rates}
    assert all(0 < r.flops_share < 1.5 for r in rates)
