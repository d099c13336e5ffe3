"""Tests that every rule finds its problem, planted in a healthy run, and none in the healthy run."""

import shlex
from dataclasses import replace

import numpy as np
import pytest
from support.sick_and_healthy import with_seeds

from xavier_cli.config.command_text import train_command
from xavier_cli.config.run import RunConfig
from xavier_cli.findings.health import RULES, check, diagnose, find_rules, network_rules
from xavier_cli.findings.health.advice import lower_rate, wider_search
from xavier_cli.vocabulary.lookup import UnknownNameError

DEPTH = 5


@pytest.fixture(scope="module")
def healthy(make_run):
    """A run whose layers are alike, that learnt, with five seeds; predictions that fit."""
    run = make_run(width=20, seeds="5", jacobian=False, test_examples=10)
    arrays = dict(run.arrays)
    for name in ("activation_mean", "activation_std", "backprop_std", "weight_gradient_rms"):
        path = name.replace("activation_", "activation/").replace("backprop_", "backprop/")
        path = path.replace("weight_gradient_", "weight_gradient/example_")
        arrays[f"theory/{name}"] = arrays[path][:, 0].mean(axis=0).astype(np.float64)
        for what, value in {"sd": 0.05, "low": 0.8, "high": 1.2}.items():
            known = np.nan if name == "activation_mean" else value
            arrays[f"theory/{name}_{what}"] = np.full_like(arrays[f"theory/{name}"], known)
    for path in ("activation/std", "backprop/std"):
        arrays[path] = arrays[path] * 0 + arrays[path][:, :1, :1]
        arrays[f"theory/{path.replace('/', '_')}"][:] = arrays[path][0, 0, 0]
    # As a healthy tanh network's lowest layer: hardly saturated at the start, half of it at the end.
    rising = np.linspace(0.06, 0.56, len(run.updates), dtype=np.float32)
    arrays["activation/saturated"] = arrays["activation/saturated"] * 0 + rising[:, None]
    return replace(run, arrays=arrays)


def with_changes(run, **planted):
    """`run` with arrays changed by functions that get a copy to write into; `__` stands for `/`."""
    arrays = dict(run.arrays)
    for name, change in planted.items():
        path = name.replace("__", "/")
        arrays[path] = arrays[path].copy()
        change(arrays[path])
    return replace(run, arrays=arrays)


def found(run, *severities):
    return [f.rule.name for f in check(run) if f.severity in (severities or ("error", "warning"))]


def saturate_layer_5(a):
    a[:, 4:, 4] = 0.95


def start_alike(a):
    a[:, 0, 2] = 0


def shrink(step):
    def change(a):
        a *= np.float32(step) ** -np.arange(DEPTH, dtype=np.float32)

    return change


def fall_at_the_end(a):
    a[:, -3:, 1] *= 0.1


def grow_at_the_end(a):
    a[:, -2:, 3] *= 9


def starts_saturated(a):
    a[:, :, 2] = 0.6


def errs_at_chance(a):
    a[1:3, 3:] = 0.83


def loss_at_chance(a):
    a[1:3, 3:] = np.log(9) + np.resize([0.002, -0.002, 0.001, -0.001], a[1:3, 3:].shape)


AT_CHANCE = {"curves__valid_error": errs_at_chance, "curves__valid_loss": loss_at_chance}


def kill_units(a):
    a[:, -1, 0] = 0.6


def in_turn(a):
    a[:] = np.array([0.8, 0.7, 0.6, 0.5, 0.4], np.float32)[:, None]
    a[:, 4:, 0], a[:, 9:, 1] = 0.97, 0.93


def lose_seed_2(a):
    a[2] = 700


def far_from_theory(a):
    a[2:4, 0, 2] *= 1.3


def stop_layer_2(a):
    a[:, 2:, 1] = 0


ILL = {
    "saturated-layer": {"activation__saturated": saturate_layer_5},
    "saturates-in-turn": {"activation__abs_percentiles": in_turn},
    "dead-units": {"activation__dead": kill_units},
    "symmetric-units": {"weight__std": start_alike},
    "vanishing-activations": {"activation__std": shrink(8), "theory__activation_std": shrink(8)},
    "exploding-activations": {"activation__std": shrink(1 / 8), "theory__activation_std": shrink(1 / 8)},
    "vanishing-gradients": {"backprop__std": shrink(1 / 8), "theory__backprop_std": shrink(1 / 8)},
    "exploding-gradients": {"backprop__std": shrink(8), "theory__backprop_std": shrink(8)},
    "variance-drift": {"weight__std": grow_at_the_end},
    "not-as-predicted": {"activation__std": far_from_theory},
    "plateau-at-chance": AT_CHANCE,
    "diverged": {"final__diverged_at": lose_seed_2},
    "zero-gradients": {"weight_gradient__std": stop_layer_2, "weight_gradient__mean": stop_layer_2},
}


def test_a_healthy_run_has_no_problems(healthy):
    assert check(healthy) == ()
    assert diagnose(healthy).state == "no problems"


@pytest.mark.parametrize("name", ILL)
def test_a_planted_illness_is_found_and_nothing_else(healthy, name):
    run = with_changes(healthy, **ILL[name])

    assert found(run) == [name]
    assert diagnose(run).state in ("problems found", "warnings")


def in_one_seed(change):
    """`change` in one seed alone, which has to be large enough to take the mean along."""

    def only(a):
        whole = a.copy()
        change(whole)
        a[3] = whole[3]

    return only


@pytest.mark.parametrize(
    ("name", "planted"),
    [
        ("vanishing-gradients", {"backprop__std": in_one_seed(shrink(1e-9))}),
        ("exploding-activations", {"activation__std": in_one_seed(shrink(1e-3))}),
        ("variance-drift", {"weight__std": in_one_seed(lambda a: a.__setitem__((slice(None), -1), 1e3))}),
    ],
)
def test_what_rests_on_one_seed_of_several_says_so_and_is_a_note(healthy, name, planted):
    run = with_changes(healthy, **planted)
    seen = [each for each in check(run) if each.rule.name == name]

    assert {each.severity for each in seen} == {"note"}
    assert all("(rests on one seed)" in each.evidence for each in seen)
    assert found(run) in ([], ["not-as-predicted"])


def test_a_run_of_one_seed_is_judged_by_it(healthy):
    run = with_changes(healthy, activation__saturated=saturate_layer_5)

    assert found(with_seeds(run, [0])) == ["saturated-layer"]


def test_a_layer_that_starts_with_most_units_flat_is_saturated(healthy):
    (finding,) = check(with_changes(healthy, activation__saturated=starts_saturated))

    assert (finding.rule.name, finding.severity, finding.seen.layers) == ("saturated-layer", "warning", (3,))
    assert "60 % at the start" in finding.evidence


def test_what_pre_training_learnt_is_no_start(make_run):
    run = make_run(width=8, depth=3, seeds="5", pretrain="dae", jacobian=False)

    assert "saturated-layer" not in found(with_changes(run, activation__saturated=starts_saturated))


def test_what_is_flat_on_one_side_alone_does_not_saturate_in_turn(healthy):
    """As ELU does: far above its bound below it is not flat, and activations may be large there."""

    def one_side(bounds):
        bounds[:] = [-0.98, np.nan]

    elu = with_changes(healthy, activation__abs_percentiles=in_turn, activation__saturated_bound=one_side)

    assert found(elu) == []


def test_what_looked_odd_in_the_data_is_no_clean_run(healthy):
    facts = healthy.facts.model_copy(update={"warnings": ("one class, `0`: every prediction is right",)})
    (finding,) = check(replace(healthy, data=facts))

    assert (finding.rule.name, finding.severity) == ("odd-data", "warning")
    assert "one class" in finding.seen.evidence


def test_advice_fits_what_is_so(healthy):
    facts = healthy.facts.model_copy(update={"warnings": ("far outside: `--coding standardize` helps",)})
    on_set = replace(healthy, data=facts, config=healthy.config.model_copy(update={"data": "mnist"}))
    (odd,) = check(on_set)
    (ended,) = check(with_changes(replace(on_set, data=healthy.data), **ILL["zero-gradients"]))

    def stop(a):
        a[:, :, 1] = 0

    never = {"weight_gradient__std": stop, "weight_gradient__mean": stop}
    (begun,) = check(with_changes(replace(on_set, data=healthy.data), **never))

    assert "--coding standardize" in odd.seen.advice
    assert "--lr" in ended.seen.advice
    assert begun.seen.advice == "xavier data show mnist"


def test_no_more_seeds_are_advised_where_they_would_start_alike(make_run):
    run = make_run(depth=2, width=6, seeds="0:3")
    alike = {"same_first_weights": {"layers": [1], "functions": ["own.py:f"], "all": True}}
    (advised,) = [each for each in check(run) if each.rule.name == "too-few-seeds"]
    (other,) = [each for each in check(replace(run, provenance=alike)) if each.rule.name == "too-few-seeds"]

    assert "--seeds 5" in advised.seen.advice
    assert other.seen.advice == ""


def test_every_rule_is_tested():
    elsewhere = {
        "odd-data",
        "rate-on-the-edge",
        "too-few-seeds",
        "not-finished",
        "too-early",
        "seeds-start-alike",
        # In test_network_rules.
        *(rule.name for rule in network_rules.RULES),
    }

    assert set(RULES) == set(ILL) | elsewhere


def test_the_finding_names_layer_beginning_and_numbers(healthy):
    (finding,) = check(with_changes(healthy, activation__saturated=saturate_layer_5))

    assert finding.seen.layers == (5,)
    assert finding.seen.since == int(healthy.updates[4])
    assert finding.seen.numbers["saturated"] == pytest.approx(0.95)
    assert "95 % of layer 5" in finding.seen.evidence


def test_a_collapse_is_dated_too(healthy):
    (finding,) = check(with_changes(healthy, activation__std=fall_at_the_end))

    assert (finding.rule.name, finding.seen.layers) == ("variance-drift", (2,))
    assert finding.seen.since == int(healthy.updates[-3])


def test_what_was_over_at_the_end_is_not_found(healthy):
    def pass_over(a):
        a[:, 3:6, 2] = 0.99

    assert found(with_changes(healthy, activation__saturated=pass_over)) == []


def test_gradients_that_recovered_are_a_note(healthy):
    def at_first(a):
        a[:, :2] *= np.float32(1.6) ** np.arange(DEPTH, dtype=np.float32)

    run = with_changes(healthy, backprop__std=at_first, theory__backprop_std=shrink(1 / 1.6))
    (finding,) = check(run)

    assert (finding.rule.name, finding.severity) == ("vanishing-gradients", "note")
    assert (
        "shrinks by a factor of 1.6 per layer, 6.55 in all; theory expects 1.6 per layer"
        in finding.seen.evidence
    )
    assert f"recovered by update {int(run.updates[2]):,}" in finding.seen.evidence


def test_a_seed_that_stands_at_chance_is_named(healthy):
    (finding,) = check(with_changes(healthy, **AT_CHANCE))

    assert (finding.severity, finding.seen.numbers["seeds"]) == ("error", [1, 2])
    assert finding.seen.since == int(healthy.updates[3])


@pytest.mark.parametrize(("before", "advice"), [(0.2, "--lr 0.003"), (0.8, "--act softsign")])
def test_who_lost_what_was_learnt_is_told_to_take_a_lower_rate(healthy, before, advice):
    """No other activation helps a network that learns, and is thrown off by its updates."""

    def learn_first(a):
        errs_at_chance(a)
        a[1:3, 1:3] = before

    (finding,) = check(with_changes(healthy, **{**AT_CHANCE, "curves__valid_error": learn_first}))

    assert finding.rule.name == "plateau-at-chance"
    assert advice in finding.seen.advice
    assert (f"{100 * before:.1f} % before" in finding.evidence) == (before == 0.2)


def test_one_seed_of_five_that_stands_at_chance_is_a_warning(healthy):
    def alone(change):
        def only(a):
            there = a.copy()
            change(there)
            a[1] = there[1]

        return only

    run = with_changes(healthy, **{name: alone(change) for name, change in AT_CHANCE.items()})
    (finding,) = check(run)

    assert (finding.rule.name, finding.severity) == ("plateau-at-chance", "warning")
    assert "1 of 5 seeds" in finding.evidence


def test_a_deviation_in_one_seed_of_several_or_of_one_examples_jacobian_is_a_note(healthy):
    def far(a):
        a[3, 0, 2] *= 1.3

    (alone,) = check(with_changes(healthy, activation__std=far))
    jacobian = "jacobian/mean_singular_value"
    more = {
        jacobian: np.ones((5, 1, DEPTH), np.float32),
        "theory/mean_singular_value": np.full(DEPTH, 2.0),
        "theory/mean_singular_value_low": np.full(DEPTH, 0.9),
        "theory/mean_singular_value_high": np.full(DEPTH, 1.1),
    }
    run = replace(healthy, arrays={**healthy.arrays, **more})
    (of_one,) = check(replace(run, config=run.config.with_(jacobian_examples=1)))
    (of_many,) = check(replace(run, config=run.config.with_(jacobian_examples=16)))

    assert (alone.severity, alone.seen.rests_on) == ("note", "one seed")
    assert (of_one.severity, of_one.seen.rests_on) == ("note", "one example")
    assert of_many.severity == "warning"
    assert diagnose(run).state == "no problems"


def test_one_seed_within_the_bounds_is_as_predicted(healthy):
    def within(a):
        a[3, 0, 2] *= 1.19

    assert found(with_changes(healthy, activation__std=within)) == []


def test_the_two_bounds_of_a_prediction_are_asked_by_themselves(healthy):
    """A saturated layer's std can fall far, but hardly rise."""

    def lower(a):
        a[2:4, 0, 2] *= 0.75

    def far_below(a):
        a[2] = 0.5

    def no_bound(a):
        a[2] = np.nan

    assert found(with_changes(healthy, activation__std=lower)) == ["not-as-predicted"]
    assert found(with_changes(healthy, activation__std=lower, theory__activation_std_low=far_below)) == []
    assert found(with_changes(healthy, activation__std=lower, theory__activation_std_low=no_bound)) == []


def test_more_comparisons_reach_further(healthy):
    (finding,) = check(with_changes(healthy, activation__std=far_from_theory))
    predicted, high = (finding.seen.numbers[name] for name in ("predicted", "high"))
    many = replace(
        healthy,
        config=healthy.config.with_(seeds=tuple(range(1000))),
        arrays={
            name: np.repeat(array, 200, axis=0) if array.shape[:1] == (5,) and name[:6] != "theory" else array
            for name, array in with_changes(healthy, activation__std=far_from_theory).arrays.items()
        }
        | {"seed": np.arange(1000)},
    )
    (further,) = check(many, find_rules(["not-as-predicted"]))

    assert high == pytest.approx(1.2 * predicted)
    assert 1.2 * predicted < further.seen.numbers["high"] < 1.3 * predicted


def test_a_file_without_bounds_is_not_asked_how_sure_theory_is(healthy):
    run = with_changes(healthy, activation__std=far_from_theory)
    arrays = {name: array for name, array in run.arrays.items() if not name.endswith(("_low", "_high"))}
    old = replace(run, arrays=arrays)

    assert found(old) == []
    assert "not-as-predicted" in diagnose(old).not_looked_for


def test_a_rate_on_the_edge_is_told_with_a_wider_search(make_run):
    run = make_run(lr="0.1,0.2", seeds="5", width=8, jacobian=False)
    (finding,) = check(run, find_rules(["rate-on-the-edge"]))

    assert run.lr == 0.2
    assert "--lr 0.1,0.2,0.4,0.8" in finding.seen.advice


def test_few_seeds_are_a_note_and_half_a_run_too_early_to_tell(make_run):
    run = make_run(width=8, seeds="3", jacobian=False, status="interrupted", records_done=6)
    by_name = {finding.rule.name: finding for finding in check(run)}

    assert diagnose(run, find_rules(["not-finished"])).state == "too early to tell"
    assert by_name["too-few-seeds"].severity == "note"
    assert by_name["not-finished"].severity == "note"
    assert (
        "interrupted; last record at update 5,263 of 20,000 (26 %)" in by_name["not-finished"].seen.evidence
    )


def test_a_run_without_the_numbers_is_not_blamed(make_run):
    run = make_run(width=8, seeds="5", only=["curves"])

    assert check(run) == ()


def test_a_misspelt_rule_names_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean `dead-units`"):
        find_rules(["dead-unit"])


def typed(command):
    words = shlex.split(command)
    assert words[:2] == ["xavier", "train"]
    pairs = zip(words[2::2], words[3::2], strict=True)
    return RunConfig.of(**{name[2:].replace("-", "_"): value for name, value in pairs})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"data": "mnist", "coding": "-1,1", "act": "sigmoid", "init": "standard", "seeds": "3,5"},
        {"data": "mnist", "coding": "standardize"},
        {"width": "30,20,10", "lr": "0.01,0.02", "search_seeds": 1, "updates": 1234, "records": "every:100"},
        {"data": "images:a folder", "init_gain": 1.5, "seeds": "2:4", "loss": "quadratic"},
    ],
)
def test_advice_that_is_pasted_is_the_configuration(settings):
    config = RunConfig.of(**settings)

    assert typed(train_command(config)) == config
    assert typed(train_command(config, init="standard")) == config.with_(init="standard")


def test_rates_in_advice():
    config = RunConfig.of(lr="0.01,0.1", width=9)

    assert typed(lower_rate(config, 0.1)).lr == 0.01
    assert typed(wider_search(config, 0.01)).lr == (0.0001, 0.001, 0.01, 0.1)


def test_a_seed_that_diverged_is_not_also_a_plateau(healthy):
    def lose_both(a):
        a[1:3] = 700

    run = with_changes(healthy, **AT_CHANCE, final__diverged_at=lose_both)

    assert found(run) == ["diverged"]


def test_what_frozen_weights_do_is_no_finding_of_its_own(healthy):
    at = 20_000
    frozen = healthy.updates >= at

    def diverge(a):
        a[:] = at

    def saturate(a):
        a[:, frozen] = 1

    def grow(a):
        a[:, frozen] *= 10.0 ** np.arange(a.shape[2])

    run = with_changes(
        healthy,
        final__diverged_at=diverge,
        activation__saturated=saturate,
        activation__std=grow,
        backprop__std=grow,
        weight__std=grow,
    )

    assert [each.rule.name for each in diagnose(run).every] == ["diverged"]


def test_a_gradient_that_vanished_until_all_diverged_has_not_recovered(healthy):
    def diverge(a):
        a[:] = 20_000

    def vanish(a):
        a *= 3.0 ** np.arange(a.shape[2])

    run = with_changes(healthy, final__diverged_at=diverge, backprop__std=vanish)

    (seen,) = (each.seen for each in check(run) if each.rule.name == "vanishing-gradients")
    assert "recovered" not in seen.evidence
