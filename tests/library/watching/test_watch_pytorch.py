"""Tests that a training in PyTorch is the same, bit for bit, whether it is watched or not."""

from __future__ import annotations

import random
import subprocess
import sys
import warnings
from contextlib import nullcontext

import numpy as np
import pytest

from xavier_cli import read_run, watch
from xavier_cli.errors import XavierError

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn = torch.nn

from tests.support.torch_state import state_of  # noqa: E402

pytestmark = [pytest.mark.frameworks, pytest.mark.usefixtures("in_own_folder")]

X = torch.randn(80, 3, 8, 8, generator=torch.Generator().manual_seed(1))
Y = torch.randint(0, 4, (80,), generator=torch.Generator().manual_seed(2))


class Everything(nn.Module):
    """Convolutions, every kind of normalization and reparametrization, dropout, and a state of its own."""

    def __init__(self):
        super().__init__()
        parametrizations = nn.utils.parametrizations
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.drop = nn.Dropout(0.3)
        self.spectral = parametrizations.spectral_norm(nn.Conv2d(8, 8, 3, padding=1))
        self.old_spectral = nn.utils.spectral_norm(nn.Conv2d(8, 8, 1))
        self.weighed = parametrizations.weight_norm(nn.Linear(8, 16))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.old_weighed = nn.utils.weight_norm(nn.Linear(16, 16))
        self.last = nn.Linear(16, 4)
        self.frozen = nn.Linear(16, 16)
        self.frozen.requires_grad_(False)
        self.calls, self.seen = 0, []

    def forward(self, x):
        self.calls += 1
        self.seen.append(x.shape)
        x = torch.relu(self.norm(self.first(x)))
        x = self.drop(torch.relu(self.spectral(x)))
        x = self.old_spectral(x).mean((2, 3)) + 0.01 * torch.randn(8)
        x = torch.tanh(self.weighed(x))
        return self.last(torch.tanh(self.frozen(torch.tanh(self.old_weighed(x)))))


def train(make, watched=None, updates=6, around=nullcontext, fails_at=0, middle=lambda *_: None, **options):
    """A training, watched in the file `watched` or not; its state at the end, and what left it."""
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    model = make()
    module = getattr(model, "_orig_mod", model)
    optimizer = torch.optim.Adam((each for each in module.parameters() if each.requires_grad), 0.01)
    given = {"examples": (X, Y), "loss": nn.CrossEntropyLoss(), "records": "every:2"} | options
    run = watch(model, watched, **given) if watched else nullcontext()
    failure = None
    try:
        with run as run:
            for update in range(1, updates + 1):
                batch = torch.randint(0, len(X), (10,))
                model.train()
                loss = nn.functional.cross_entropy(model(X[batch]).float(), Y[batch])
                optimizer.zero_grad(set_to_none=update % 2 == 0)
                middle(run if watched else None, model, update)
                loss.backward()
                if update % 3 == 0:
                    model.eval()
                with around():
                    if watched:
                        run.record(update, train_loss=loss)
                optimizer.step()
                if update == fails_at:
                    raise KeyError("the loop's own")
    except KeyError as error:
        failure = error
    return state_of(module, optimizer), failure, model


def assert_same(make, path, **options):
    plain, failed, _ = train(make, **options)
    watched, also_failed, model = train(make, path, **options)
    assert [key for key in plain if plain[key] != watched[key]] == []
    assert (failed is None) == (also_failed is None)
    return model


def test_nothing_of_the_training_changes(tmp_path):
    model = assert_same(Everything, tmp_path / "run.h5")

    assert (model.calls, len(model.seen)) == (6, 6)
    run = read_run(tmp_path / "run.h5")
    assert run.status == "complete"
    assert run.updates.tolist() == [0, 2, 4, 6]
    assert [layer.name.partition(".")[0] for layer in run.network.layers] == [
        *("first", "spectral", "old_spectral", "weighed", "old_weighed", "frozen", "last"),
    ]
    assert np.isfinite(run["preactivation/std"]).all()
    assert np.isnan(run["curves/train_loss"][0, 0])
    assert np.isfinite(run["curves/train_loss"][0, 1:]).all()


def test_nothing_changes_when_an_exception_leaves_the_block(tmp_path):
    assert_same(Everything, tmp_path / "run.h5", fails_at=3)

    run = read_run(tmp_path / "run.h5")
    assert run.status == "interrupted"
    assert run.updates.tolist() == [0, 2]


def test_nothing_changes_when_a_look_fails(tmp_path):
    class Fails(Everything):
        broken = False

        def forward(self, x):
            if len(x) == len(X) and self.broken:
                self.calls, self.norm.running_mean[0] = 100, 7.0
                torch.rand(3)
                raise RuntimeError("the module's own")
            return super().forward(x)

    def breaks(run, model, update):
        model.broken = update > 2

    plain, _, _ = train(Fails, middle=breaks)
    with pytest.warns(UserWarning, match="no record after [46] updates: it does not run .* the module's own"):
        watched, _, _ = train(Fails, tmp_path / "run.h5", middle=breaks)
    assert [key for key in plain if plain[key] != watched[key]] == []
    assert read_run(tmp_path / "run.h5").updates.tolist() == [0, 2]


def test_hooks_of_the_loop_do_not_fire(tmp_path):
    fired = []

    def make():
        fired.clear()
        model = Everything()
        model.first.register_forward_hook(lambda *_: fired.append("forward"))
        model.last.register_full_backward_hook(lambda *_: fired.append("backward"))
        model.frozen.register_forward_pre_hook(lambda *_: fired.append("before"))
        for each in model.parameters():
            if each.requires_grad:
                each.register_hook(lambda _: fired.append("gradient"))
                each.register_post_accumulate_grad_hook(lambda _: fired.append("added"))
        return model

    train(make)
    plain = list(fired)
    assert_same(make, tmp_path / "run.h5")

    assert fired == plain
    assert "Hooks on its modules were not run" in " ".join(read_run(tmp_path / "run.h5").network.notes)


def test_a_look_between_forward_and_backward_changes_no_gradient(tmp_path):
    def middle(run, model, update):
        if run is not None:
            run.record(update)

    assert_same(Everything, tmp_path / "run.h5", middle=middle)


@pytest.mark.parametrize(
    "around",
    [
        torch.inference_mode,
        torch.no_grad,
        lambda: torch.autocast("cpu", torch.bfloat16),
        lambda: torch.autograd.graph.save_on_cpu(),
    ],
)
def test_it_sees_the_same_whatever_contexts_it_is_called_in(around, tmp_path):
    train(Everything, tmp_path / "plain.h5")
    assert_same(Everything, tmp_path / "within.h5", around=around)

    plain, within = (read_run(tmp_path / f"{name}.h5") for name in ("plain", "within"))
    for name in plain.arrays:
        np.testing.assert_array_equal(plain[name], within[name], name)


def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.Tanh(), nn.Linear(16, 4))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_parameters_of_another_precision(kind, tmp_path):
    class Cast(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = small().to(kind)

        def forward(self, x):
            return self.inside(x.to(kind))

    assert_same(Cast, tmp_path / "run.h5")

    run = read_run(tmp_path / "run.h5")
    assert f"It runs in {str(kind)[6:]}" in " ".join(run.network.notes)
    # Adam's own numbers in half precision soon are not finite.
    assert np.isfinite(run["weight/std"][:, 0]).all()


def test_gradient_checkpointing(tmp_path):
    class Checkpointed(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(192, 16), nn.Linear(16, 4)

        def forward(self, x):
            x = torch.utils.checkpoint.checkpoint(
                lambda x: torch.tanh(self.one(x)), x.flatten(1), use_reentrant=False
            )
            return self.two(x)

    assert_same(Checkpointed, tmp_path / "run.h5")

    run = read_run(tmp_path / "run.h5")
    assert (run["backprop/std"] > 0).all()


def test_wrapped_models_are_looked_at_within(tmp_path):
    train(small, tmp_path / "plain.h5", settings={"net": "small"})
    assert_same(lambda: nn.DataParallel(small()), tmp_path / "wrapped.h5", settings={"net": "small"})

    plain, wrapped = (read_run(tmp_path / f"{name}.h5") for name in ("plain", "wrapped"))
    assert plain.config == wrapped.config
    np.testing.assert_array_equal(plain["weight/std"], wrapped["weight/std"])


@pytest.mark.slow
@pytest.mark.parametrize("how", ["whole", "part", "in place"])
def test_compiled_models(how, tmp_path):
    def make():
        model = small()
        if how == "part":
            model[1] = torch.compile(model[1], backend="eager")
        elif how == "in place":
            model.compile(backend="eager")
        else:
            model = torch.compile(model, backend="eager")
        return model

    assert_same(make, tmp_path / "run.h5")

    run = read_run(tmp_path / "run.h5")
    assert [each.name for each in run.network.layers] == ["1.weight", "3.weight"]


def test_what_cannot_be_looked_at_is_refused_by_name(tmp_path):
    class FullyShardedDataParallel(nn.Module):
        """As PyTorch's is called."""

    def refuse(model, words):
        with (
            pytest.raises(XavierError, match=words) as error,
            watch(model, tmp_path / "run.h5", examples=(X, Y)),
        ):
            pass
        assert "\n" not in str(error.value)
        assert not (tmp_path / "run.h5").exists()

    refuse(FullyShardedDataParallel(), "FullyShardedDataParallel, of which no process has all parameters")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(small(), X)
    refuse(traced, "ScriptModule")
    refuse(nn.Sequential(nn.Flatten(), nn.LazyLinear(4)), "lazy parameters: run it on one batch")
    refuse(nn.Sequential(nn.Flatten(), nn.Linear(5, 4)), "does not run on examples of shape")
    refuse(nn.Flatten(), "no weight layer")
    refuse(small().to("meta"), "on the device `meta`")
    refuse(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), "y holds class 3, but its answer has 3 classes")
    refuse(nn.Linear, "it is the class Linear")


def test_a_loss_says_what_it_is_to_return(tmp_path):
    def refuse(loss, words, y=Y):
        with (
            pytest.raises(XavierError, match=words) as error,
            watch(small(), tmp_path / "run.h5", examples=(X, y), loss=loss),
        ):
            pass
        assert "\n" not in str(error.value)

    refuse(lambda answer, y: 3.0, "returns float: return a tensor")
    refuse(lambda answer, y: torch.zeros(7), r"has shape \(7,\) for 80 examples")
    refuse(nn.MSELoss(), r"`loss\(answer, y\)` fails on y of shape \(80, 9\)", torch.zeros(80, 9))
    refuse(None, "give classes as whole numbers, or the `loss`", torch.zeros(80, 4))


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_losses_of_every_reduction_give_the_same_gradients(reduction, tmp_path):
    def loss(answer, y):
        return nn.functional.cross_entropy(answer, y, reduction=reduction)

    train(small, tmp_path / "plain.h5", loss=None)
    train(small, tmp_path / f"{reduction}.h5", loss=loss)

    plain, other = (read_run(tmp_path / f"{name}.h5") for name in ("plain", reduction))
    for name in ("backprop/std", "weight_gradient/std", "curves/valid_loss"):
        np.testing.assert_allclose(plain[name], other[name], rtol=1e-4)


def test_a_network_that_is_not_finite_has_diverged(tmp_path):
    def breaks(run, model, update):
        if update == 3:
            with torch.no_grad():
                model[1].weight[0, 0] = float("nan")

    train(small, tmp_path / "run.h5", middle=breaks)

    run = read_run(tmp_path / "run.h5")
    assert run["final/diverged_at"].tolist() == [4]
    assert run.updates.tolist() == [0, 2, 4, 6]

    with watch(train(small, middle=breaks)[2], tmp_path / "first.h5", examples=(X, Y)):
        pass
    assert read_run(tmp_path / "first.h5")["final/diverged_at"].tolist() == [0]


def test_regression_has_no_error_but_a_loss(tmp_path):
    y = torch.randn(80, 4)
    model = small()
    with watch(model, tmp_path / "run.h5", examples=(X, y), loss=nn.MSELoss(), records="every:1") as run:
        run.record(1, train_loss=-0.5)

    read = read_run(tmp_path / "run.h5")
    assert np.isnan(read["curves/test_error"]).all()
    assert np.isfinite(read["curves/test_loss"]).all()
    assert read["curves/train_loss"][0, 1] == -0.5
    assert read.facts.classes == 1


def test_words_of_a_text_are_classes(tmp_path):
    words = torch.randint(0, 7, (20, 5))

    class Text(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(7, 8), nn.Linear(8, 7)

        def forward(self, x):
            return self.out(torch.tanh(self.table(x)))

    def loss(answer, y):
        return nn.functional.cross_entropy(answer.reshape(-1, 7), y.reshape(-1))

    with watch(Text(), tmp_path / "run.h5", examples=(words, words), loss=loss):
        pass

    run = read_run(tmp_path / "run.h5")
    assert 0 <= run["curves/test_error"][0, 0] <= 1
    assert run.facts.classes == 7
    assert [each.role for each in run.network.parameters if each.name == "table.weight"] == ["embedding"]


def test_parameters_are_not_given(tmp_path):
    with watch(small(), tmp_path / "run.h5", examples=(X, Y), records="every:1") as run:
        with pytest.raises(XavierError, match="has its parameters in it"):
            run.record(1, {})
        run.record(1)


_ALONE = """
import sys
import torch
from xavier_cli import watch
model = torch.nn.Sequential(torch.nn.Linear(6, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3))
x, y = torch.randn(20, 6), torch.randint(0, 3, (20,))
with watch(model, sys.argv[1], examples=(x, y), loss=torch.nn.CrossEntropyLoss(), records="every:1") as run:
    run.record(1, train_loss=torch.tensor(0.5))
with watch(model, sys.argv[1], examples=(x, y), loss=torch.nn.CrossEntropyLoss(), records="every:1") as run:
    run.record(2)
heavy = {"jax", "jaxlib", "optax", "matplotlib", "typer"}
assert not heavy & {name.split(".")[0] for name in sys.modules}
"""


def test_jax_is_not_imported(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _ALONE, str(tmp_path / "run.h5")],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert read_run(tmp_path / "run.h5").updates.tolist() == [0, 1, 2]


_PROCESS = """
import os, sys
import torch
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from xavier_cli import watch
rank = int(sys.argv[2])
os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": sys.argv[3]}
distributed.init_process_group("gloo", rank=rank, world_size=2)
torch.manual_seed(0)
nn = torch.nn
model = DistributedDataParallel(nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)))
x, y = torch.randn(20, 6), torch.randint(0, 3, (20,))
optimizer = torch.optim.SGD(model.parameters(), 0.1)
with watch(model, sys.argv[1], examples=(x, y), records="every:1") as run:
    for update in (1, 2):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(x[rank::2]), y[rank::2]).backward()
        optimizer.step()
        run.record(update)
print(rank, run.updates, float(sum(each.double().sum() for each in model.parameters())))
distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_of_several_processes_the_first_records(tmp_path):
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(tmp_path / "run.h5"), str(rank), port],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [each.communicate(timeout=300) for each in processes]

    assert [each.returncode for each in processes] == [0, 0], said
    first, other = (out.split(" ", 1)[1] for out, _ in said)
    assert first.startswith("(0, 1, 2)")
    assert other.startswith("()")
    assert first.split()[-1] == other.split()[-1]
