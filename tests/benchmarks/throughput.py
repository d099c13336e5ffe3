"""Takes both tables of training speed, and keeps them beside this file: `results.json`, and `results.md`.

    XAVIER_DATA_DIR=… python tests/benchmarks/throughput.py [--quick] [--widths LIST] [--net NAME …]

Perceptrons by `xavier bench`; then the networks of `recipes/networks`, on CIFAR-10 unless `--data` names
another set: seeds together by the engine, next to their own loop in plain JAX and to the same network in
PyTorch, whose twins `tests/support/torch_recipe_networks.py` has. Each table is a process of its own, where
everything takes turns. Ratios of one table are worth comparing, times of two are not: machines differ, and
are noisy. `--out FOLDER` keeps the results elsewhere; minutes, about fifteen on two cores.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NETWORKS = ("cnn:depth=8", "resnet:depth=3", "transformer:depth=2,heads=2,width=32")
BATCHES = (10, 32)


def parsed(arguments: list[str]) -> argparse.Namespace:
    """What was asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="as of `xavier bench`")
    parser.add_argument("--widths", default="100,300,1000", help="widths of perceptrons; none: empty")
    parser.add_argument("--net", nargs="*", default=NETWORKS, help="networks of `recipes/networks`")
    parser.add_argument("--data", default="cifar10", help="data set of the networks")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of the results")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> None:
    """Take the tables, and write them."""
    asked = parsed(arguments)
    if asked.child:
        print(measure_networks(asked))
        return
    found: dict[str, Any] = {}
    if asked.widths:
        command = ["-m", "xavier_cli", "bench", "-f", "json", "--widths", asked.widths]
        command += ["--seeds", str(asked.seeds), *["--quick"] * asked.quick]
        found["perceptrons"] = child(command)
    if asked.net:
        found["networks"] = child([__file__, "--child", *arguments])
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "results.json").write_text(json.dumps(found, indent=2) + "\n")
    (asked.out / "results.md").write_text(results_page(found))
    print(results_page(found))


def child(command: list[str]) -> dict[str, Any]:
    """The answer of a process of Python; one thread for NumPy, as the `xavier` command has it."""
    environment = {"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run([sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment)
    if ended.returncode:
        sys.exit(ended.returncode)
    answer = json.loads(ended.stdout)
    return answer.get("data", answer)


def measure_networks(asked: argparse.Namespace) -> str:
    """The output of `bench` for the networks, in JSON, with PyTorch beside."""
    from xavier_cli.cli.terminal.output import Format, format_page
    from xavier_cli.config.run import RunConfig
    from xavier_cli.training.bench.limits import describe_machine, measure_limits, system_load
    from xavier_cli.training.bench.rates import QUICK, THOROUGH, measure
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.training.session import begin
    from xavier_cli.views.speed import busy_notes, speed_page

    load, effort, rates = system_load(), QUICK if asked.quick else THOROUGH, []
    set_up_jax(asked.seeds, note=say)
    limits = measure_limits(3 if asked.quick else 10)
    notes = busy_notes(load, limits.cores)
    folder = os.environ.get("XAVIER_DATA_DIR")
    for word in asked.net:
        name = word.partition(":")[0]
        net = f"{ROOT / 'recipes' / 'networks' / name}.py:{word}"
        for batch in BATCHES:
            config = RunConfig.of(net=net, data=asked.data, batch_size=batch, seeds=asked.seeds)
            training = begin([config], Path(folder) if folder else None)
            found, remarks = measure(training, limits, effort, torch_model=twin(name, training), told=say)
            rates += found
            notes += [remark for remark in remarks if remark not in notes]
    return format_page(speed_page(rates, limits, describe_machine(load), asked.seeds, notes), Format.JSON)


def twin(name: str, training: Any) -> Callable[[], Any]:
    """What makes the network in PyTorch with all parameters that the recipe's function has."""
    from tests.support.torch_recipe_networks import NETWORKS as TWINS
    from xavier_cli.data.layout import example_shape
    from xavier_cli.vocabulary.networks import load_network

    config, facts = training.configs[0], training.facts
    maker = load_network(config.network)
    taken = inspect.signature(TWINS[name]).parameters
    defaults = {key: each.default for key, each in inspect.signature(maker.function).parameters.items()}
    chosen = {key: value for key, value in (defaults | dict(maker.arguments)).items() if key in taken}
    shape = example_shape(facts.shape, facts.inputs, "last")
    return partial(TWINS[name], **chosen | {"inputs": shape, "classes": facts.classes})


def say(line: str) -> None:
    """Print to stderr; stdout has the answer."""
    print(line, file=sys.stderr, flush=True)


def results_page(found: dict[str, Any]) -> str:
    """The numbers in `found` as Markdown."""
    parts = ["# Last results of `throughput.py`"]
    titles = {
        "perceptrons": "## Perceptrons on Shapeset: `xavier bench`",
        "networks": "## Networks of `recipes/networks`",
    }
    for part, title in titles.items():
        if part in found:
            parts += [title, *_section(found[part])]
    return "\n\n".join(parts) + "\n"


def _section(found: dict[str, Any]) -> list[str]:
    machine, limits = found["machine"], found["limits"]
    has_plain = any(rate["times_plain_jax"] for rate in found["rates"])
    head = ["network", "batch", "what", "ms per update and seed", "% of peak"]
    head += [*["× plain JAX"] * has_plain, "× PyTorch's best"]
    rows = [head, [*["---"] * 3, *["---:"] * (len(head) - 3)]]
    for rate in found["rates"]:
        network = f"{rate['depth']}×{rate['width']}" if rate["width"] else rate["net"]
        share = f"{100 * rate['flops_share']:.0f}" if rate["flops_share"] is not None else ""
        row = [network, str(rate["batch_size"]), rate["what"], f"{rate['milliseconds']:.4f}", share]
        ratios = [*["times_plain_jax"] * has_plain, "times_pytorch"]
        rows.append(row + [f"{rate[each]:.2f}" if rate[each] else "" for each in ratios])
    return [
        f"{machine['processor']}, {machine['devices']}, jax {machine['jax']}; load average at the start "
        f"{machine['load']}. {found['seeds']} seeds.",
        f"Limits: {limits['gflops']:.0f} GFLOP/s of matrix products, "
        f"{limits['memory_gbytes']:.1f} GB/s from memory.",
        "\n".join(f"| {' | '.join(row)} |" for row in rows),
        *found["notes"],
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
