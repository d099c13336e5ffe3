"""How often `xavier check` finds what is wrong, and how often it blames what is well.

    XAVIER_DATA_DIR=… python tests/benchmarks/findings.py [--only WORD]

Trains 40 networks that literature or arithmetic says are sick, each for a stated reason, and 40 that are set
up as it recommends, on MNIST, CIFAR-10 and an image folder: none of them, and hardly any of their activations
and initializers, had a part in setting the thresholds (tanh, sigmoid and softsign on Shapeset did). Found is
a sick run with one of the rules that speak of its illness, as a cause or under one; blamed is a healthy one
with problems found or warnings. `tests/findings/health/test_counts.py` counts on more networks, of fewer
kinds.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

SHARED = {"seeds": 2, "updates": 2_000, "records": 11, "width": 64, "lr": 0.02, "jacobian_examples": 0}

TRAVELS_DOWN = {"vanishing-activations", "vanishing-gradients", "plateau-at-chance"}
TRAVELS_UP = {"exploding-activations", "exploding-gradients", "diverged", "saturated-layer"}
STUCK = {"plateau-at-chance", "saturated-layer", "dead-units"}
SAME = {"symmetric-units"}
TOO_FAST = {"diverged", "plateau-at-chance", "dead-units", "saturated-layer", "variance-drift"}
EDGE = {"rate-on-the-edge"}

# What is wrong, and settings that make it so.
SICK: list[tuple[set[str], dict[str, Any]]] = [
    *((TRAVELS_DOWN, {"act": "relu", "init": "normalized", "depth": depth}) for depth in (20, 25, 30)),
    *((TRAVELS_DOWN, {"act": "relu", "init": "standard", "depth": depth}) for depth in (7, 9, 12)),
    *(
        (TRAVELS_DOWN, {"act": act, "init": "standard", "depth": 10})
        for act in ("leaky_relu", "gelu", "silu", "mish")
    ),
    *((TRAVELS_DOWN, {"act": act, "init": "normal:std=0.01", "depth": 5}) for act in ("relu", "elu", "sin")),
    *((TRAVELS_DOWN, {"act": act, "init": "normal:std=0.001", "depth": 4}) for act in ("lecun_tanh", "selu")),
    *(
        (STUCK, {"act": "sigmoid", "init": "standard", "depth": depth, "data": data})
        for depth, data in ((6, "mnist"), (8, "mnist"), (6, "cifar10"), (7, "small-imagenet"))
    ),
    *((STUCK, {"act": "sigmoid", "init": init, "depth": 7}) for init in ("normalized", "lecun_normal")),
    *(
        (SAME, {"act": act, "init": init, "depth": 3})
        for act, init in (
            ("gelu", "zeros"),
            ("elu", "constant:value=0.05"),
            ("silu", "constant:value=0.1"),
            ("lecun_tanh", "zeros"),
            ("softplus", "constant:value=0.02"),
        )
    ),
    *(
        (TRAVELS_UP, {"act": act, "init": init, "depth": 8})
        for act, init in (
            ("relu", "normal:std=0.5"),
            ("leaky_relu", "uniform:bound=0.8"),
            ("elu", "normal:std=0.5"),
            ("selu", "normal:std=0.6"),
            ("identity", "normal:std=0.4"),
        )
    ),
    *(
        ({"saturated-layer", "dead-units"}, {"act": act, "init": "normal:std=1", "depth": 4})
        for act in ("hard_tanh", "lecun_tanh", "tanh")
    ),
    *(
        (TOO_FAST, {"act": act, "init": "he_normal", "depth": 4, "lr": 3.0, "data": data})
        for act, data in (
            ("relu", "mnist"),
            ("gelu", "cifar10"),
            ("elu", "mnist"),
            ("leaky_relu", "small-imagenet"),
        )
    ),
    *(
        (EDGE, {"act": act, "init": "he_normal", "depth": 2, "lr": (1e-4, 3e-4), "search_seeds": 2})
        for act in ("relu", "gelu")
    ),
]

HEALTHY: list[dict[str, Any]] = [
    *({"act": "relu", "init": "he_normal", "depth": depth} for depth in (2, 4, 6, 8, 10)),
    *({"act": "leaky_relu:slope=0.2", "init": "he_uniform", "depth": depth} for depth in (3, 7)),
    *(
        {"act": act, "init": "he_normal", "depth": depth}
        for act in ("gelu", "silu", "mish")
        for depth in (2, 4)
    ),
    *({"act": "elu", "init": init, "depth": 4} for init in ("he_normal", "lecun_normal", "glorot_normal")),
    *({"act": "selu", "init": "lecun_normal", "depth": depth} for depth in (3, 6, 10)),
    *({"act": "lecun_tanh", "init": "lecun_uniform", "depth": depth} for depth in (2, 5)),
    *({"act": act, "init": "normalized", "depth": 4} for act in ("hard_tanh", "sin", "identity", "prelu")),
    *({"act": act, "init": "orthogonal", "depth": 5} for act in ("tanh", "softsign", "elu")),
    *({"act": act, "init": "lsuv", "depth": 5} for act in ("relu", "gelu", "tanh")),
    *(
        {"act": act, "init": "normalized", "depth": 3, "data": "cifar10"}
        for act in ("tanh", "softsign", "elu")
    ),
    *({"act": act, "init": "he_normal", "depth": 3, "data": "cifar10"} for act in ("relu", "gelu")),
    *({"act": act, "init": "he_normal", "depth": 3, "data": "small-imagenet"} for act in ("relu", "silu")),
    {"act": "relu", "init": "he_normal", "depth": 12, "residual": True, "normalization": "layer"},
    {"act": "relu", "init": "he_normal", "depth": 5, "normalization": "batch"},
]


def main() -> None:
    """Print a line per network and the two counts."""
    assert len(SICK) == len(HEALTHY) == 40, (len(SICK), len(HEALTHY))
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    found = [_found(expected, settings) for expected, settings in SICK if only in str(settings)]
    blamed = [_blamed(settings) for settings in HEALTHY if only in str(settings)]
    print(f"found {sum(found)} of {len(found)} sick runs; blamed {sum(blamed)} of {len(blamed)} healthy ones")


def _found(expected: set[str], settings: dict[str, Any]) -> bool:
    seen, error = _findings(settings)
    hit = bool(expected & seen)
    print(
        f"{'found ' if hit else 'MISSED'} {_in_words(settings)}: {error:.1f} %, {', '.join(sorted(seen))}",
        flush=True,
    )
    return hit


def _blamed(settings: dict[str, Any]) -> bool:
    seen, error = _findings(settings)
    print(
        f"{'BLAMED' if seen else 'clean '} {_in_words(settings)}: {error:.1f} %, {', '.join(sorted(seen))}",
        flush=True,
    )
    return bool(seen)


def _findings(settings: dict[str, Any]) -> tuple[set[str], float]:
    """The names of the rules that raise an error or a warning, and the mean test error in percent."""
    from xavier_cli import RunConfig, train
    from xavier_cli.findings.health import diagnose

    config = RunConfig.of(**{"data": "mnist", **SHARED, **settings})
    run = train(config, data_dir=os.environ.get("XAVIER_DATA_DIR"))
    diagnosis = diagnose(run)
    blamed = diagnosis.state in ("problems found", "warnings")
    seen = (
        {finding.rule.name for finding in diagnosis.every if finding.own_severity != "note"}
        if blamed
        else set()
    )
    return seen, float(100 * run["curves/test_error"][:, -1].mean())


def _in_words(settings: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in settings.items())


if __name__ == "__main__":
    main()
