"""Maps against random nets in NumPy, width 400 and 200."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from support.exact_activations import ACTS, Act

from xavier_cli.theory.softmax import cross_entropy_top
from xavier_cli.theory.variance import Net, logits_variance, make_net, predict, run_maps
from xavier_cli.vocabulary.lookup import INITIALIZERS

CLASSES, SEEDS = 9, 20
LAWS = INITIALIZERS
BIAS = LAWS["uniform"].with_parameters("uniform:bound=0.5", {"bound": 0.5})


def random_labels(count: int) -> np.ndarray:
    return np.random.default_rng(8).integers(0, CLASSES, count)


def random_nets(act: Act, net: Net, images: np.ndarray, seeds: int) -> dict[str, np.ndarray]:
    """Statistics of nets with uniform weights, `(seeds, layers)` each."""
    rng, x = np.random.default_rng(7), images.astype(np.float32)
    labels = np.eye(CLASSES)[random_labels(len(images))]
    rows: dict[str, list[list[float]]] = {"activation": [], "backprop": [], "weight_gradient": []}
    for _ in range(seeds):
        z, s, weights = [x], [], []
        for layer, (fan_in, fan_out, variance) in enumerate(
            zip(net.sizes[:-1], net.sizes[1:], net.weight_variances, strict=True)
        ):
            draws = rng.random((fan_in, fan_out), np.float32) * 2 - 1
            weights.append(draws * np.float32(np.sqrt(3 * variance)))
            s.append(z[-1] @ weights[-1])
            if net.bias_variances:
                s[-1] += rng.uniform(-1, 1, fan_out) * np.sqrt(3 * net.bias_variances[layer])
            z.append(act.value(s[-1]).astype(np.float32))
        p = np.exp(s[-1].astype(np.float64))
        delta = [p / p.sum(axis=1, keepdims=True) - labels]
        for w, below in zip(weights[:0:-1], s[-2::-1], strict=True):
            delta.append(act.slope(below.astype(np.float64)) * (delta[-1] @ w.T))
        delta.reverse()
        rows["activation"].append([each.var(dtype=np.float64) for each in z[1:-1]])
        rows["backprop"].append([each.var() for each in delta[:-1]])
        rows["weight_gradient"].append(
            [
                np.mean(np.mean(a.astype(np.float64) ** 2, axis=1) * np.mean(d**2, axis=1))
                for a, d in zip(z[:-1], delta, strict=True)
            ]
        )
    return {name: np.array(each) for name, each in rows.items()}


def assert_near(measured: np.ndarray, predicted: np.ndarray, percent: float) -> None:
    """The mean over seeds is within `percent` of the prediction, or four of its standard errors."""
    error = measured.std(axis=0, ddof=1) / np.sqrt(len(measured))
    off = np.abs(measured.mean(axis=0) - predicted)

    assert (off < np.maximum(percent / 100 * predicted, 4 * error)).all(), off / predicted


def squares(images: np.ndarray) -> np.ndarray:
    return np.mean(images**2, axis=1)


@pytest.mark.parametrize(
    ("name", "law", "widths"),
    [
        ("tanh", "standard", (400, 400, 400, 400)),
        ("tanh", "normalized", (400, 400, 400, 400)),
        ("softsign", "normalized", (300, 400, 200)),
        ("sigmoid", "standard", (400, 400, 400)),
        ("relu", "he_uniform", (400, 300, 200)),
    ],
)
def test_random_nets_do_what_the_maps_say(images, name, law, widths):
    act, net = ACTS[name], make_net((images.shape[1], *widths, CLASSES), LAWS[law])
    maps = run_maps(act.jax, act.kinks, net, squares(images))
    predicted = predict(net, maps, cross_entropy_top(logits_variance(net, maps), CLASSES))
    measured = random_nets(act, net, images, SEEDS)
    steps = np.sqrt(measured["backprop"].mean(axis=0)[1:] / measured["backprop"].mean(axis=0)[:-1])

    assert_near(measured["activation"], predicted.activation_std**2, 3)
    assert_near(measured["backprop"], predicted.backprop_std**2, 3)
    assert_near(measured["weight_gradient"], predicted.weight_gradient_rms**2, 3)
    assert np.allclose(steps, predicted.backprop_steps, rtol=0.015)


def test_biases_that_are_drawn_add_their_variance(images):
    """Large ones, so that leaving them out could not pass; widths of 200 for what one seed strays."""
    act = ACTS["tanh"]
    net = make_net((images.shape[1], 200, 200, 200, CLASSES), LAWS["standard"], bias=BIAS)
    measured = random_nets(act, net, images, 60)["activation"]

    for predicting in (net, replace(net, bias_variances=())):
        maps = run_maps(act.jax, act.kinks, predicting, squares(images))
        top = cross_entropy_top(logits_variance(predicting, maps), CLASSES)
        predicted = predict(predicting, maps, top).activation_std ** 2

        is_right = predicting is net
        assert np.allclose(measured.mean(axis=0), predicted, rtol=0.04) is is_right


@pytest.mark.parametrize("law", ["standard", "normalized"])
def test_a_wrong_start_is_clearly_off(images, law):
    act, net = ACTS["tanh"], make_net((images.shape[1], *[400] * 4, CLASSES), LAWS[law])
    right, mean, unit = (
        run_maps(act.jax, act.kinks, net, start).second.mean(axis=0)
        for start in (squares(images), [np.mean(images**2)], [1.0])
    )

    assert (right / mean - 1 < -0.02).all()
    assert (right / unit - 1 < -0.2).all()
    assert right[0] / unit[0] - 1 < -0.4


def test_layers_may_have_laws_of_their_own():
    laws = [LAWS["standard"], LAWS["he_normal"], LAWS["zeros"]]
    net = make_net((10, 20, 30, 5), laws, 2.0)

    assert np.allclose(net.weight_variances, (4 / 30, 4 * 2 / 20, 0))
    assert net.distributions == ("uniform", "truncated normal", "constant")


def test_the_gain_is_on_all_but_the_output_layer():
    law = INITIALIZERS["normalized"]
    plain, gained = (make_net((10, 20, 30, 5), law, gain).weight_variances for gain in (1.0, 2.0))

    assert np.allclose(np.divide(gained, plain), (4, 4, 1))


def test_with_the_derived_gain_a_unit_second_moment_stays():
    from xavier_cli.theory.gain import derived_gain

    act = ACTS["relu"]
    gain = derived_gain(act.jax, act.kinks)
    net = make_net((200, *[200] * 30, 9), INITIALIZERS["normalized"], gain)
    maps = run_maps(act.jax, act.kinks, net, [1 / gain**2])

    assert np.allclose(maps.second, 1 / gain**2)
