"""What to call each run of a figure: what differs between them, and what they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from xavier_cli.config.run import OBSERVATION_SETTINGS
from xavier_cli.figures.style import in_updates
from xavier_cli.runs.record import Run
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary import lookup

# In the order people say it. Seeds are no difference: runs that differ in them alone are merged.
_PHRASES: dict[str, Callable[[Run], str]] = {
    "act": lambda run: run.config.act,
    "init": lambda run: run.config.init,
    "init_gain": lambda run: f"gain {run.config.init_gain}",
    "bias_init": lambda run: f"biases {run.config.bias_init}",
    "data": lambda run: run.config.data,
    "depth": lambda run: f"depth {run.config.depth}",
    "width": lambda run: f"width {'-'.join(map(str, _widths(run)))}",
    "lr": lambda run: (
        f"lr {run.lr:g}" + " (searched)" * bool(run.config.search) if run.lr == run.lr else "lr not known"
    ),
    "batch_size": lambda run: f"batch {run.config.batch_size}",
    "updates": lambda run: f"{in_updates(run.config.updates)} updates",
    "optimizer": lambda run: run.config.optimizer,
    "schedule": lambda run: run.config.schedule.replace("constant", "constant rate"),
    "clip": lambda run: f"clip {run.config.clip:g}" if run.config.clip else "no clipping",
    "weight_decay": lambda run: f"weight decay {run.config.weight_decay:g}",
    "normalization": lambda run: f"{run.config.normalization.replace('none', 'no')} normalization",
    "residual": lambda run: "residual" if run.config.residual else "no skips",
    "dropout": lambda run: f"dropout {run.config.dropout:g}",
    "pretrain": lambda run: f"pre-trained {run.config.pretrain}".replace(
        "pre-trained none", "not pre-trained"
    ),
    "pretrain_updates": lambda run: f"{in_updates(run.config.pretrain_updates)} updates of pre-training",
    "pretrain_lr": lambda run: f"pre-training lr {run.config.pretrain_lr:g}",
    "coding": lambda run: _coding(run.config.coding),
}
_SHARED = ("act", "init", "data", "depth", "width", "lr", "batch_size")
# Said of what all runs share where it is not as usual.
_UNUSUAL = (
    "optimizer",
    "schedule",
    "clip",
    "weight_decay",
    "normalization",
    "residual",
    "dropout",
    "pretrain",
)


def labels(runs: Sequence[Run]) -> list[str]:
    """One label per run that says only what differs; activation and initializer where nothing does."""
    differing = _differing(runs)
    known = [field for field in _PHRASES if field in differing]
    known += [field for field in differing if field not in _PHRASES]
    named = [field for field in known if field not in OBSERVATION_SETTINGS]
    texts = [_phrases(run, named or ["act", "init"]) for run in runs]
    for field in (field for field in known if field in OBSERVATION_SETTINGS):
        if len(set(texts)) < len(texts):
            named.append(field)
            texts = [_phrases(run, named) for run in runs]
    # Two searches over other rates may have chosen the same one; parts of one configuration may have been
    # kept apart because one is not complete.
    for told_by in ([run.config.sha256()[:4] for run in runs], [run.status for run in runs]):
        if len(set(told_by)) > 1:
            texts = [
                f"{text} ({more})" if texts.count(text) > 1 else text
                for text, more in zip(texts, told_by, strict=True)
            ]
    return [
        f"{text} ({texts[: i + 1].count(text)})" if texts.count(text) > 1 else text
        for i, text in enumerate(texts)
    ]


def shared(runs: Sequence[Run]) -> str:
    """What all runs have in common and `labels` leaves out, as one phrase."""
    differing = _differing(runs)
    usual = type(runs[0].config).model_fields
    unusual = [field for field in _UNUSUAL if getattr(runs[0].config, field) != usual[field].default]
    fields = [*(_SHARED if differing else _SHARED[2:]), *unusual]
    return _phrases(runs[0], [field for field in fields if field not in differing])


def in_order(runs: Sequence[Run]) -> list[Run]:
    """`runs` by what they are: activations and initializers as `names` lists them, numbers rising."""

    def place(run: Run) -> tuple[object, ...]:
        config = run.config
        return (
            _index(lookup.DATA_SETS, config.data),
            _index(lookup.ACTIVATIONS, config.act),
            _index(lookup.INITIALIZERS, config.init),
            config.depth,
            config.widths,
            run.lr,
            config.batch_size,
            config.updates,
            config.to_json(),
        )

    return sorted(runs, key=place)


def _index(table: Mapping[str, object], word: str) -> tuple[int, str]:
    # Without parameters and single layers.
    name = word.partition(",")[0].partition(":")[0]
    return (list(table).index(name) if name in table else len(table)), word


def _coding(coding: str | tuple[float, float]) -> str:
    return "standardized inputs" if isinstance(coding, str) else "coding [{:g}, {:g}]".format(*coding)


def _widths(run: Run) -> tuple[int, ...]:
    width = run.config.width
    return width if isinstance(width, tuple) else (width,)


def _differing(runs: Sequence[Run]) -> list[str]:
    first = runs[0].config
    return [
        field
        for field in type(first).model_fields
        if field != "seeds" and any(getattr(run.config, field) != getattr(first, field) for run in runs)
    ]


def _phrases(run: Run, fields: Sequence[str]) -> str:
    spoken = [_PHRASES[f](run) if f in _PHRASES else f"{f} {getattr(run.config, f)}" for f in fields]
    if list(fields[:2]) == ["act", "init"]:
        # The paper's way to name a network: `tanh normalized`.
        spoken[:2] = [f"{spoken[0]} {spoken[1]}"]
    return clean(", ".join(spoken))
