"""What theory expects of a network at initialization, next to what was measured in it, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli import names
from xavier_cli.findings.layers import finite_mean
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.mlp import layer_sizes
from xavier_cli.runs.record import Run
from xavier_cli.theory.gain import resolve_gain
from xavier_cli.theory.jacobian import predict_singular_values
from xavier_cli.theory.sampling import activation_variance_sd
from xavier_cli.theory.softmax import cross_entropy_top
from xavier_cli.theory.variance import logits_variance, make_net, predict, run_maps


@dataclass(frozen=True)
class Quantity:
    """One statistic per layer: means over the seeds, beside the prediction and its sampling deviation.

    `sd` is the relative standard deviation of one seed's number around the prediction. NaN is "none".
    """

    measured: Sequence[float]
    predicted: Sequence[float]
    sd: Sequence[float]


def expectation(run: Run, images: np.ndarray) -> dict[str, Quantity]:
    """Measured at record 0 of `run`, and predicted from `images` `(examples, inputs)`, by name.

    `backprop_step` of a layer is the back-propagated std of the layer above over its own.
    `weight_gradient_rms` is each example's own, which equation (7) is about.
    """
    measured = {name: finite_mean(run[path][:, 0]) for name, path in _PATHS.items() if path in run}
    backprop = run["backprop/std"][:, 0].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = backprop[:, 1:] / backprop[:, :-1]
    measured["backprop_step"] = [*finite_mean(steps), math.nan]
    predicted, sd = _predicted(run, images)
    layers = {name: len(values) for name, values in measured.items()}
    none = {name: [math.nan] * count for name, count in layers.items()}
    return {
        name: Quantity(values, predicted.get(name, none[name]), sd.get(name, none[name]))
        for name, values in measured.items()
    }


_PATHS = {
    "activation_mean": "activation/mean",
    "activation_std": "activation/std",
    "saturated": "activation/saturated",
    "inactive": "activation/inactive",
    "backprop_std": "backprop/std",
    "weight_gradient_std": "weight_gradient/std",
    "weight_gradient_rms": "weight_gradient/example_rms",
    "mean_singular_value": "jacobian/mean_singular_value",
    "rms_singular_value": "jacobian/rms_singular_value",
    "geometric_mean_singular_value": "jacobian/geometric_mean_singular_value",
    "max_singular_value": "jacobian/max_singular_value",
}


def _predicted(run: Run, images: np.ndarray) -> tuple[dict[str, Sequence[float]], dict[str, Sequence[float]]]:
    law, config = names.INITIALIZERS[run.config.init], run.config
    act, kinks = make_activation(config.act), names.ACTIVATIONS[config.act].kinks
    gain = resolve_gain(config.init_gain, act, kinks)
    net = make_net(layer_sizes(images.shape[1], config.depth, config.width, run.facts.classes), law, gain)
    images = images.astype(np.float64)
    maps = run_maps(act, kinks, net, np.mean(images**2, axis=1))
    expected = predict(net, maps, cross_entropy_top(logits_variance(net, maps), run.facts.classes))
    # Jacobians are measured on few of the images, and predicted on the same ones.
    few = np.arange(config.jacobian_examples) * len(images) // max(config.jacobian_examples, 1)
    predicted: dict[str, Sequence[float]] = {
        # Exactly 0 by symmetry, where the quadrature leaves a last digit.
        "activation_mean": np.where(
            np.abs(expected.activation_mean) < 1e-9, 0.0, expected.activation_mean
        ).tolist(),
        "activation_std": expected.activation_std.tolist(),
        "backprop_std": expected.backprop_std.tolist(),
        "backprop_step": [*expected.backprop_steps.tolist(), math.nan],
        "weight_gradient_rms": expected.weight_gradient_rms.tolist(),
    }
    if config.loss != "cross_entropy":
        # Where back-propagation starts from is worked out for cross-entropy; its steps hold for any loss.
        del predicted["backprop_std"], predicted["weight_gradient_rms"]
    if len(few):
        of_few = maps._replace(**{name: values[few] for name, values in maps._asdict().items()})
        for name, values in predict_singular_values(act, kinks, net, of_few)._asdict().items():
            predicted[f"{name}_singular_value"] = values.tolist()
    # A standard deviation varies half as much as its square, relatively.
    relative = activation_variance_sd(act, kinks, net, images) / 2
    return predicted, {"activation_std": relative.tolist()}
