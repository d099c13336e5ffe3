"""What theory predicts of a configuration's networks at initialization, as arrays of its run file."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from xavier_cli import names
from xavier_cli.config import RunConfig
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.mlp import layer_sizes
from xavier_cli.theory.gain import resolve_gain
from xavier_cli.theory.jacobian import predict_singular_values
from xavier_cli.theory.sampling import sampling_deviations
from xavier_cli.theory.softmax import cross_entropy_top
from xavier_cli.theory.variance import logits_variance, make_net, predict, run_maps
from xavier_cli.training.evaluation import spread_over

_EXCESS_KURTOSIS: dict[Literal["uniform", "normal", "truncated normal"], float] = {
    "uniform": -1.2,
    "normal": 0.0,
    "truncated normal": -0.6317,
}


def predict_run(
    config: RunConfig, images: np.ndarray, labels: np.ndarray, classes: int
) -> dict[str, np.ndarray]:
    """The `theory/` group of a run of `config` probed on `images` `(examples, inputs)` of `labels`.

    Every statistic comes with its sampling deviation, `…_sd`, where one is known. Training changes nothing
    here: the prediction is of record 0. Empty where theory does not speak of such a network.
    """
    if config.beyond_theory:
        return {}
    law, word = names.INITIALIZERS[config.init], names.ACTIVATIONS[config.act]
    act, kinks = make_activation(config.act), word.kinks
    gain = resolve_gain(config.init_gain, act, kinks)
    net = make_net(layer_sizes(images.shape[1], config.depth, config.width, classes), law, gain)
    images = images.astype(np.float64)
    maps = run_maps(act, kinks, net, np.mean(images**2, axis=1))
    expected = predict(net, maps, cross_entropy_top(logits_variance(net, maps), classes))
    # Jacobians are measured on few of the images, and predicted on the same ones.
    few = spread_over(len(images), config.jacobian_examples) if config.jacobian_examples else np.arange(0)
    deviations = sampling_deviations(act, kinks, net, images, labels, few, _EXCESS_KURTOSIS[law.distribution])
    arrays = {
        # Exactly 0 by symmetry, where the quadrature leaves a last digit.
        "activation_mean": np.where(np.abs(expected.activation_mean) < 1e-9, 0.0, expected.activation_mean),
        "activation_std": expected.activation_std,
        "activation_std_sd": deviations.activation_std,
        "backprop_step": np.append(expected.backprop_steps, math.nan),
        "backprop_step_sd": np.append(deviations.backprop_step, math.nan),
    }
    if config.loss == "cross_entropy":
        # Where back-propagation starts from is worked out for cross-entropy; its steps hold for any loss.
        arrays |= {
            "backprop_std": expected.backprop_std,
            "backprop_std_sd": deviations.backprop_std,
            "weight_gradient_rms": expected.weight_gradient_rms,
            "weight_gradient_rms_sd": deviations.weight_gradient_rms,
        }
    if len(few):
        of_few = maps._replace(**{name: values[few] for name, values in maps._asdict().items()})
        for name, values in predict_singular_values(act, kinks, net, of_few)._asdict().items():
            arrays[f"{name}_singular_value"] = values
            if name != "geometric_mean":
                arrays[f"{name}_singular_value_sd"] = deviations.rms_singular_value
    return {f"theory/{name}": np.asarray(values, np.float64) for name, values in arrays.items()}
