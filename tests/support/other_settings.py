"""Lists a value other than the default for every setting, with the settings that it needs."""

from __future__ import annotations

from xavier_cli.config.run import RunConfig

OTHER: dict[str, object] = {
    "data": "shapeset:1000",
    "coding": "0,1",
    # Of a module without imports: a configuration has a digest of all files that its code imports.
    "net": "keyword:iskeyword",
    "act": "softsign",
    "init": "standard",
    "init_gain": 2.0,
    "bias_init": "standard",
    "depth": 2,
    "width": 20,
    "loss": "quadratic",
    "optimizer": "momentum:0.5",
    "schedule": "cosine",
    "clip": 1.0,
    "weight_decay": 0.01,
    "lr": 0.1,
    "search_seeds": 1,
    "batch_size": 20,
    "updates": 77,
    "records": "5",
    "eval_examples": 400,
    "jacobian_examples": 2,
    "seeds": "5,9",
    "normalization": "layer",
    "residual": True,
    "dropout": 0.1,
    "pretrain": "dae",
    "pretrain_updates": 30,
    "pretrain_lr": 0.2,
    "precision": "default",
    "convolution": "product",
    "update_rule": "delayed:4",
}
"""For all settings except derived ones; a new one needs a line here."""

OF_CUSTOM_NETWORKS = ("net", "convolution")
"""Settings of networks that are measured, and not trained by the engine."""

BESIDE: dict[str, dict[str, object]] = {
    "convolution": {"net": "keyword:iskeyword"},
    "search_seeds": {"lr": "0.1,0.2"},
    "pretrain_updates": {"pretrain": "dae"},
    "pretrain_lr": {"pretrain": "dae"},
}


def pair(name: str, **common: object) -> tuple[RunConfig, RunConfig]:
    """Two configurations that differ in the setting `name` alone."""
    common |= BESIDE.get(name, {})
    return RunConfig.of(**common), RunConfig.of(**{**common, name: OTHER[name]})
