"""Maps words of other programs to this one's: aliases where the meaning is the same, else hints."""

from __future__ import annotations

SETTING_ALIASES = {
    "widths": "width",
    "activation": "act",
    "initializer": "init",
    "learning_rate": "lr",
    "dataset": "data",
}
"""Setting as it may also be called, on the command line, in the environment and in files -> its name."""

_COUNTED_IN_UPDATES = "training is counted in mini-batch updates: did you mean `updates`?"
_HALF_SQUARES = "did you mean `quadratic`, ½ Σ (p − y)² over classes (5 times PyTorch's mean for 10 classes)?"
_HISTOGRAMS = "did you mean `activations`, `backprop` or `weight-gradients`, histograms of each layer?"
_HIDDEN = "did you mean `width` (units per hidden layer) or `depth` (number of hidden layers)?"
_DEVICE = "did you mean `device`: cpu, gpu or the number of a GPU?"

_HINTS: dict[str, dict[str, str]] = {
    "setting": {
        **dict.fromkeys(("hidden", "hidden_size", "hidden_units", "layers", "num_layers", "units"), _HIDDEN),
        **dict.fromkeys(("epoch", "epochs", "num_epochs"), _COUNTED_IN_UPDATES),
        **dict.fromkeys(("steps", "iterations", "iters"), "did you mean `updates` (mini-batch updates)?"),
        **dict.fromkeys(("gpu", "cuda", "cpu", "use_gpu"), _DEVICE),
        **dict.fromkeys(
            ("bn", "batch_norm", "batchnorm"), "did you mean `normalization` (none, batch, layer)?"
        ),
        **dict.fromkeys(("wd", "l2"), "did you mean `weight_decay`?"),
        **dict.fromkeys(("seed", "random_state"), "did you mean `seeds` (5, 0,3,7 or 0:10)?"),
        "loss_function": "did you mean `loss`?",
    },
    "loss": {
        **dict.fromkeys(("mse", "mean_squared_error", "l2", "squared_error"), _HALF_SQUARES),
        **dict.fromkeys(("ce", "crossentropy", "nll", "softmax"), "did you mean `cross_entropy`?"),
    },
    "kind of figure": {
        **dict.fromkeys(("histogram", "histograms", "hist", "distributions"), _HISTOGRAMS),
        **dict.fromkeys(("loss", "error", "accuracy", "training"), "did you mean `curves`?"),
        **dict.fromkeys(
            ("gradients", "gradient"), "did you mean `weight-gradients` or `gradients-over-time`?"
        ),
    },
}


def hint(kind: str, word: str) -> str:
    """What a `word` of another program is called here, as a question; empty if it is not known.

    `kind` is what messages call the thing named: `setting`, `loss`, `kind of figure`.
    """
    return _HINTS.get(kind, {}).get(word.strip().lower().replace("-", "_"), "")
