"""`xavier diff`, through its front door."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.runs.deviation import differences
from xavier_cli.runs.store import read_run, write_run


def test_only_what_differs_is_shown(shelf, xavier):
    answer = xavier("diff", "tanh-standard", "tanh-normalized")
    lines = [line.split() for line in answer.out.splitlines()]

    assert answer.code == 0
    assert ["init", "standard", "normalized"] in lines
    assert not any(line[:1] == ["depth"] for line in lines)
    assert any(line[:4] == ["test_error", "%", "59.40", "47.70"] for line in lines)
    assert "The same in both: data, origin." in answer.out


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_screen(shelf, xavier, width):
    lines = xavier("diff", "tanh-standard", "tanh-normalized", width=width).out.splitlines()

    assert max(map(len, lines)) <= width


def test_a_copy_is_the_same_to_the_bit(shelf, xavier):
    write_run(shelf / "copy.h5", read_run(shelf / "tanh-standard.h5"))
    page = json.loads(xavier("diff", "tanh-standard", "copy", "-f", "json").out)

    assert page["same_numbers"]
    assert page["settings"] == page["data"] == page["origin"] == {}


def test_the_widest_gap_and_its_group_are_found(shelf, xavier):
    run = read_run(shelf / "tanh-standard.h5")
    changed = {name: np.array(run[name]) for name in ("curves/valid_loss", "backprop/std")}
    changed["curves/valid_loss"][:, 4] += 7
    changed["backprop/std"][2, 3, 1] += 5
    provenance = {**run.provenance, "versions": {"jax": "9"}}
    write_run(shelf / "b.h5", replace(run, arrays={**run.arrays, **changed}, provenance=provenance))
    page = json.loads(xavier("diff", "tanh-standard", "b", "-f", "json").out)
    curves = {each["curve"]: each for each in page["curves"]}
    groups = {each["group"]: each for each in page["groups"]}

    assert curves["valid_loss"]["widest"] == pytest.approx(7)
    assert curves["valid_loss"]["at_update"] == int(run.updates[4])
    assert curves["test_error"]["widest"] == 0
    assert groups["backprop"]["worst"] == "backprop/std"
    assert groups["backprop"]["absolute"] == pytest.approx(5)
    # What is shown beside an array's name is that array's.
    assert groups["backprop"]["worst_absolute"] == pytest.approx(5)
    assert groups["weight"]["same_bits"]
    assert page["origin"] == {"versions jax": {"a": "", "b": "9"}}


def test_networks_of_other_shapes_are_compared_where_they_can_be(shelf, xavier, exact_run):
    write_run(shelf / "b.h5", exact_run([0.4] * 3, depth=3, width=9, first_seed=4, act="sigmoid"))
    rows = list(csv.DictReader(io.StringIO(xavier("diff", "tanh-standard", "b", "-f", "csv").out)))

    assert {row["about"] for row in rows} == {"settings", "origin", "curves", "numbers"}
    assert any((row["name"], row["a"], row["b"]) == ("depth", "5", "3") for row in rows)


def test_without_a_seed_in_common_no_numbers_are_compared(shelf, xavier, exact_run):
    write_run(shelf / "b.h5", exact_run([0.4] * 3, first_seed=7))
    answer = xavier("diff", "tanh-standard", "b")

    assert answer.code == 0
    assert "No seed in common" in answer.out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["tanh-standard"], 2, "B"),
        (["tanh-standard", "runs"], 2, "`runs` should be one run, not 3"),
        (["tanh-standard", "none"], 5, "`none`"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(shelf, xavier, arguments, code, message):
    answer = xavier("diff", *arguments)

    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err


def test_groups_stand_in_one_order_whatever_order_the_arrays_have(make_run):
    run = make_run(depth=2, width=6, updates=40, records=4, seeds=2, test_examples=20)
    turned = replace(run, arrays=dict(reversed(run.arrays.items())))

    assert [each.group for each in differences(run, turned)] == [each.group for each in differences(run, run)]


def test_settings_are_compared_by_value_not_by_their_rounded_text(shelf, xavier, exact_run):
    write_run(shelf / "a.h5", exact_run([0.4] * 3, lr=0.1))
    write_run(shelf / "b.h5", exact_run([0.4] * 3, lr=0.10000001))
    write_run(shelf / "c.h5", exact_run([0.4] * 3, lr="1e-1", init="uniform:bound=.050"))
    write_run(shelf / "d.h5", exact_run([0.4] * 3, lr=".1", init="uniform:bound=0.05"))

    near = json.loads(xavier("diff", "a", "b", "-f", "json").out)
    assert near["settings"] == {"lr": {"a": "0.1", "b": "0.10000001"}}
    assert json.loads(xavier("diff", "c", "d", "-f", "json").out)["settings"] == {}


def test_losses_are_without_a_diverged_seed_and_it_says_so(shelf, xavier, exact_run):
    run = exact_run([0.4] * 3, diverged=[1])
    run.arrays["curves/valid_loss"] = np.array(run["curves/valid_loss"])
    run.arrays["curves/valid_loss"][1, -1] = 1e6
    write_run(shelf / "lost.h5", run)
    answer = xavier("diff", "lost", "tanh-standard", "-f", "json")
    (loss,) = (each for each in json.loads(answer.out)["curves"] if each["curve"] == "valid_loss")

    assert loss["a_last"] == pytest.approx(run["curves/valid_loss"][[0, 2], -1].mean())
    out = " ".join(xavier("diff", "lost", "tanh-standard").out.split())
    assert "lost.h5 (1 of 3 seeds diverged)" in out
    assert "a diverged seed counts as chance level in errors, and is left out of losses" in out
