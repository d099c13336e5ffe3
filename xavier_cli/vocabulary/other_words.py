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


def setting_name(word: str) -> str:
    """The setting that is called `word`: `act` of `activation`; others stay as they are, with `_` for `-`."""
    name = word.strip().replace("-", "_")
    return SETTING_ALIASES.get(name, name)


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
    "command": {
        **dict.fromkeys(("run", "fit", "learn", "start", "experiment"), "did you mean `xavier train`?"),
        **dict.fromkeys(
            ("resume", "continue"), "the command that was interrupted resumes: `xavier train` or `sweep`"
        ),
        **dict.fromkeys(
            ("grid", "search", "tune", "grid_search", "hyperopt"),
            "did you mean `xavier sweep`, or a list of rates, `xavier train --lr 0.01,0.03,0.1`?",
        ),
        **dict.fromkeys(
            ("summary", "view", "info", "describe", "inspect", "cat"), "did you mean `xavier show`?"
        ),
        **dict.fromkeys(("list", "runs", "history"), "did you mean `xavier ls`?"),
        **dict.fromkeys(
            ("results", "table", "rank", "best", "stats", "statistics", "test", "eval", "evaluate"),
            "did you mean `xavier compare`?",
        ),
        **dict.fromkeys(
            ("figure", "figures", "fig", "draw", "graph", "visualize", "viz"), "did you mean `xavier plot`?"
        ),
        **dict.fromkeys(("diagnose", "health", "lint", "problems"), "did you mean `xavier check`?"),
        **dict.fromkeys(("paper", "replicate", "recipe", "recipes"), "did you mean `xavier reproduce`?"),
        **dict.fromkeys(("theory", "predict", "analyze"), "did you mean `xavier probe`?"),
        **dict.fromkeys(("html", "page"), "did you mean `xavier report`?"),
        **dict.fromkeys(("save", "convert", "csv", "json"), "did you mean `xavier export`?"),
        **dict.fromkeys(("repair", "rescue", "recover", "fix", "fsck"), "did you mean `xavier doctor`?"),
        **dict.fromkeys(("benchmark", "speed", "perf"), "did you mean `xavier bench`?"),
        **dict.fromkeys(("download", "get", "fetch"), "did you mean `xavier data fetch`?"),
        **dict.fromkeys(("datasets", "dataset"), "did you mean `xavier data list`?"),
        **dict.fromkeys(("activation", "activations"), "did you mean `xavier act list`?"),
        **dict.fromkeys(("initializer", "initializers", "initialize"), "did you mean `xavier init list`?"),
        **dict.fromkeys(("settings", "configuration", "defaults"), "did you mean `xavier config show`?"),
        "version": "did you mean `xavier --version`?",
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

    `kind` is what messages call the thing named: `setting`, `loss`, `command`, `kind of figure`.
    """
    return _HINTS.get(kind, {}).get(word.strip().lower().replace("-", "_"), "")
