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

_NORMALIZATION = "did you mean `normalization` (none, batch, layer)?"
_PRECISION = "did you mean `precision` (highest, high, default)?"
_HIDDEN_WORDS = (
    *("hidden", "hidden_size", "hidden_sizes", "hidden_units", "hidden_dim", "hidden_layer_sizes", "units"),
    *("layers", "num_layers", "n_layers", "n_hidden", "hidden_layers", "dim"),
)

_HINTS: dict[str, dict[str, str]] = {
    "setting": {
        **dict.fromkeys(_HIDDEN_WORDS, _HIDDEN),
        **dict.fromkeys(
            ("epoch", "epochs", "num_epochs", "n_epochs", "max_epochs", "max_epoch", "ep"),
            _COUNTED_IN_UPDATES,
        ),
        **dict.fromkeys(
            ("steps", "num_steps", "max_steps", "iterations", "iters", "iter", "max_iter", "num_iterations"),
            "did you mean `updates` (mini-batch updates)?",
        ),
        **dict.fromkeys(("gpu", "gpus", "cuda", "cpu", "use_gpu", "use_cuda", "no_cuda", "tpu"), _DEVICE),
        **dict.fromkeys(("bn", "batch_norm", "layer_norm", "norm"), _NORMALIZATION),
        **dict.fromkeys(("wd", "l2", "decay", "l2_reg"), "did you mean `weight_decay`?"),
        **dict.fromkeys(
            ("seed", "random_state", "random_seed", "manual_seed", "rng", "num_seeds", "n_seeds", "repeats"),
            "did you mean `seeds` (5, 0,3,7 or 0:10)?",
        ),
        **dict.fromkeys(("bs", "batch", "b", "minibatch", "train_batch_size"), "did you mean `batch_size`?"),
        **dict.fromkeys(("eta", "alpha", "step_size", "learning_rate_init"), "did you mean `lr`?"),
        **dict.fromkeys(("nonlinearity", "activation_fn", "activation_function"), "did you mean `act`?"),
        **dict.fromkeys(("kernel_initializer", "weight_init", "weights_init"), "did you mean `init`?"),
        **dict.fromkeys(("bias_initializer", "init_bias"), "did you mean `bias_init`?"),
        "gain": "did you mean `init_gain`?",
        **dict.fromkeys(
            ("model", "network", "arch", "architecture", "module"), "did you mean `net` (FILE.py:FUNCTION)?"
        ),
        **dict.fromkeys(("momentum", "nesterov"), "did you mean `optimizer={0}:0.9`?"),
        **dict.fromkeys(("adam", "sgd", "rmsprop", "adamw"), "did you mean `optimizer={0}`?"),
        **dict.fromkeys(("opt", "optim", "solver"), "did you mean `optimizer`?"),
        **dict.fromkeys(("scheduler", "lr_schedule", "lr_scheduler"), "did you mean `schedule`?"),
        "warmup": "did you mean `schedule=warmup:100`?",
        **dict.fromkeys(
            ("grad_clip", "clip_grad", "clip_norm", "max_norm", "clipnorm"), "did you mean `clip`?"
        ),
        **dict.fromkeys(("amp", "fp16", "bf16", "half", "dtype", "float16", "mixed_precision"), _PRECISION),
        **dict.fromkeys(("skip", "skip_connections", "resnet"), "did you mean `residual`?"),
        **dict.fromkeys(("drop", "dropout_rate", "p"), "did you mean `dropout`?"),
        **dict.fromkeys(("log_interval", "log_every", "eval_every", "log_freq"), "did you mean `records`?"),
        **dict.fromkeys(("loss_function", "loss_fn", "criterion", "objective"), "did you mean `loss`?"),
    },
    # Options that are no settings, as they are written.
    "option": {
        **dict.fromkeys(("hue", "col", "row", "split"), "did you mean `--facet`?"),
        **dict.fromkeys(
            ("out", "output_dir", "out_dir", "outdir", "save", "savefig"), "did you mean `--output`?"
        ),
        **dict.fromkeys(("save_model", "checkpoint", "save_weight"), "did you mean `--save-weights`?"),
        **dict.fromkeys(
            ("workers", "num_workers", "n_jobs", "njobs", "processes", "parallel"), "did you mean `--jobs`?"
        ),
        **dict.fromkeys(("overwrite", "replace"), "did you mean `--force`?"),
        **dict.fromkeys(("silent", "no_progress"), "did you mean `--quiet`?"),
        **dict.fromkeys(("data_root", "data_path", "root"), "did you mean `--data-dir`?"),
        **dict.fromkeys(("timeout", "time_limit", "max_seconds"), "did you mean `--max-time`?"),
        **dict.fromkeys(("filter", "query"), "did you mean `--where`?"),
        **dict.fromkeys(("sort_by", "order_by"), "did you mean `--sort`?"),
        **dict.fromkeys(("json", "csv", "latex", "markdown"), "did you mean `--format {0}`?"),
        **dict.fromkeys(("figsize", "fig_size"), "did you mean `--size`?"),
        **dict.fromkeys(("log_x", "xlog", "logscale"), "did you mean `--logx`?"),
        **dict.fromkeys(("log_y", "ylog"), "did you mean `--logy`?"),
    },
    "metric": {
        **dict.fromkeys(
            ("accuracy", "acc", "test_accuracy", "test_acc"), "did you mean `test_error` (1 − accuracy)?"
        ),
        **dict.fromkeys(
            ("val_accuracy", "val_acc", "valid_accuracy", "validation_accuracy"),
            "did you mean `valid_error` (1 − accuracy)?",
        ),
        **dict.fromkeys(("error", "err"), "did you mean `test_error`?"),
        **dict.fromkeys(("val_loss", "validation_loss"), "did you mean `valid_loss`?"),
    },
    "loss": {
        **dict.fromkeys(("mse", "mse_loss", "mean_squared_error", "l2", "squared_error"), _HALF_SQUARES),
        **dict.fromkeys(
            ("ce", "nll", "nll_loss", "softmax", "cross_entropy_loss", "categorical_crossentropy", "xent"),
            "did you mean `cross_entropy`?",
        ),
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

    `kind` is what messages call the thing named: `setting`, `option`, `loss`, `metric`, `command`, `kind of
    figure`. In the hints `{0}` is the word. Capitals, `-` and `_` do not matter.
    """
    plain = _plain(word)
    return next(
        (said.format(plain) for key, said in _HINTS.get(kind, {}).items() if _plain(key) == plain), ""
    )


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "").replace("_", "")
