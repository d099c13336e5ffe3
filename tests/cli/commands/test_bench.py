"""Tests the output of `xavier bench` for made-up rates, and what it refuses."""

from __future__ import annotations

import json

import pytest

from xavier_cli.cli.terminal.output import Format, format_page
from xavier_cli.training.bench.limits import Limits
from xavier_cli.training.bench.rates import PLAIN_JAX, TRAIN, WHOLE, MeasuredRate
from xavier_cli.views.speed import busy_notes, speed_page

LIMITS = Limits(2, 50.0, 100.0, 20.0, 10.0, 12.0)
MACHINE = {"processor": "a processor", "devices": "2 cpu devices", "jax": "0", "load": "0.1"}
CNN = "recipes/networks/cnn.py:cnn"


def rate(what: str, milliseconds: float, width: int | None = 300, **facts) -> MeasuredRate:
    depth, work = (None, (None, None, None)) if width is None else (5, (50.0, 0.5, 0.1))
    return MeasuredRate(width, depth, what, milliseconds, *work, is_rival="PyTorch" in what, **facts)


@pytest.fixture
def page():
    rates = [rate("step, map", 0.5), rate(WHOLE, 0.75), rate(TRAIN, 0.8)]
    rates += [rate("PyTorch eager", 2.0), rate("PyTorch compiled", 1.6)]
    rates += [rate(WHOLE, 0.1, width=100), rate(TRAIN, 0.125, width=100)]
    return speed_page(rates, LIMITS, MACHINE, 4, ["a note"])


@pytest.fixture
def networks():
    measured = {PLAIN_JAX: 8.0, "step, sharded": 4.0, WHOLE: 4.4, TRAIN: 5.0, "PyTorch eager": 10.0}
    names = ("cnn:depth=8", "transformer:depth=2,heads=2,width=32")
    cases = [(name, batch) for name in names for batch in (10, 32)]
    rates = [
        rate(what, each * batch, None, net=name, batch_size=batch)
        for name, batch in cases
        for what, each in measured.items()
    ]
    return speed_page(rates, LIMITS, MACHINE, 4, [])


def test_ratios_are_to_the_best_of_pytorch_at_that_width(page):
    text = format_page(page, Format.PLAIN)

    times = [record["times_pytorch"] for record in page.records]
    assert times == [pytest.approx(each) for each in (3.2, 1.6 / 0.75, 2.0, 0.8, 1.0)] + [None, None]
    assert "xavier train against PyTorch's best: 2.0× for 5×300." in text
    assert "a note" in text


def test_training_itself_is_shown_next_to_the_sum_of_its_parts(page):
    text = " ".join(format_page(page, Format.TABLE, width=80).split())

    assert "differs from xavier train by -6 % for 5×300, -20 % for 5×100." in text


def test_networks_are_compared_with_their_own_loop_too(networks):
    text = " ".join(format_page(networks, Format.TABLE, width=80).split())

    assert [record["times_plain_jax"] for record in networks.records[:5]] == pytest.approx(
        [1.0, 2.0, 8 / 4.4, 1.6, 0.8]
    )
    assert [(record["net"], record["batch_size"]) for record in networks.records[::5]] == [
        *[("cnn:depth=8", 10), ("cnn:depth=8", 32)],
        *[("transformer:depth=2,heads=2,width=32", batch) for batch in (10, 32)],
    ]
    assert "Training cnn:depth=8, 4 seeds at batch 32" in text
    assert "against a plain JAX loop: 1.6× to 1.6×." in text
    # Their work is not known here: a column of nothing says nothing.
    assert "% of peak" not in text.replace("% of peak: of", "")


def test_a_batch_size_is_named_where_a_network_comes_twice():
    rates = [rate(what, 1.0, net="mlp", batch_size=b) for b in (10, 32) for what in (TRAIN, "PyTorch eager")]

    text = format_page(speed_page(rates, LIMITS, MACHINE, 4, []), Format.PLAIN)
    assert "1.0× for 5×300 at batch 10, 1.0× for 5×300 at batch 32." in text


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("which", ["page", "networks"])
def test_a_screen_shows_every_program_in_a_line(which, width, request):
    page = request.getfixturevalue(which)
    lines = format_page(page, Format.TABLE, width=width).splitlines()

    assert max(map(len, lines)) <= width
    assert sum(line.startswith("PyTorch eager ") for line in lines) == (1 if which == "page" else 4)
    assert any(line.startswith(f"{WHOLE} ") and "0.750" in line for line in lines) == (which == "page")


def test_how_much_rounds_vary_is_said():
    sure = rate("step, map", 1.0, fastest_milliseconds=0.98, slowest_milliseconds=1.02)
    unsure = rate("step, vmap", 2.0, fastest_milliseconds=1.5, slowest_milliseconds=2.5)
    said = speed_page([sure, unsure, rate(TRAIN, 1.0)], LIMITS, MACHINE, 4, []).notes

    assert any("at most by 50 % (5×300, step, vmap)" in note for note in said)
    assert not any("vary" in note for note in speed_page([rate(TRAIN, 1.0)], LIMITS, MACHINE, 4, []).notes)


def test_programs_read_numbers(networks):
    found = json.loads(format_page(networks, Format.JSON))
    rates = found.get("data", found)["rates"]

    assert rates[0]["width"] is None
    assert rates[0]["gflops"] is None
    assert rates[1]["milliseconds"] == 40.0
    assert rates[1]["updates_per_second"] == 25.0


@pytest.mark.parametrize("load", [0.9, None])
def test_a_machine_at_rest_is_not_warned_of(load):
    assert busy_notes(load, 2) == []
    assert "load 3.0 on 2 cores" in busy_notes(3.0, 2)[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--net", "nope.py:cnn"], "`nope.py` cannot be read"),
        (["--net", "cnn.py"], "`cnn.py:FUNCTION`"),
        (["--net", "mlp"], "--widths"),
        (["--net", CNN, "--net", "nope"], "unknown network `nope`"),
        (["--net", CNN, "--widths", "30"], "--widths: is of `mlp` alone"),
        (["--net", CNN, "--depth", "3"], "--depth: is of `mlp` alone"),
        (["--net", CNN, "--data", "nope"], "unknown data set `nope`"),
        (["--net", CNN, "--batch-size", "0"], "batch_size"),
        (["--net", f"{CNN}:act=1"], "`act`"),
        (["--data", "cifar10"], "--data: is for `--net`"),
        (["--batch-size", "10,x"], "--batch-size"),
        (["--widths", "10,x"], "--widths"),
    ],
)
def test_what_cannot_be_measured_is_refused_at_once(xavier, monkeypatch, tmp_path, arguments, told):
    monkeypatch.chdir(tmp_path)
    answer = xavier("bench", *arguments)

    assert answer.code == 2
    assert answer.out == ""
    assert told in answer.err
    assert len(answer.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("net", "told"),
    [(f"{CNN}:dep=3", "did you mean `depth`?"), ("recipes/networks/cnn.py:nope", "known: cnn, convolve")],
)
def test_a_network_is_made_before_anything_is_measured(xavier, monkeypatch, tmp_path, net, told):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("xavier_cli.training.bench.limits.measure_limits", lambda _: pytest.fail("too late"))
    answer = xavier("bench", "--net", net, "-q")

    assert answer.code == 2
    assert told in answer.err
    assert len(answer.err.strip().splitlines()) == 1
