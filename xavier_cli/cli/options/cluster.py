"""Defines the options `--cluster` and `--cluster-wait`, which run a sweep on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.terminal.errors import say
from xavier_cli.sanitize import clean

if TYPE_CHECKING:
    from xavier_cli.runs.weights import Saved
    from xavier_cli.sweeps.cluster import Cluster
    from xavier_cli.sweeps.work import Task

ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        metavar="ADDRESS",
        help="train on the workers of this Dask scheduler: tcp://HOST:8786, tls://HOST:8786 with Dask's own "
        "settings, or its scheduler file; scheduler, workers and this program trust each other fully",
        show_default=False,
    ),
]
ClusterWaitOption = Annotated[
    float,
    typer.Option(
        "--cluster-wait",
        metavar="SECONDS",
        min=0,
        max=1e9,
        help="how long to wait for its first worker",
    ),
]
WAIT_SECONDS = 60.0


def chosen_cluster(
    address: str | None, wait: float, jobs: int, saved: Saved | None = None
) -> Callable[[Task], Cluster] | None:
    """A function that makes the cluster for a task; None if the sweep runs on this machine."""
    if address is None:
        return None
    if not address.strip():
        raise typer.BadParameter("should be an address like tcp://HOST:8786", param_hint="--cluster")
    if jobs > 1:
        raise typer.BadParameter(
            "starts processes on this machine: not with `--cluster`", param_hint="--jobs"
        )
    if saved:
        raise typer.BadParameter(
            "workers return results, not weights: not with `--cluster`", param_hint="--save-weights"
        )

    def cluster(task: Task) -> Cluster:
        from xavier_cli.sweeps.cluster import Cluster

        return Cluster(address, task, wait=wait, note=lambda line: say(f"xavier: {clean(line)}"))

    return cluster
