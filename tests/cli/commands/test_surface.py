import numpy as np
import pytest

from xavier_cli.runs.store import read_result, write_run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    return tmp_path


def test_a_surface_is_made_once_and_drawn(xavier, here):
    made = xavier("surface", "--points", 5, "--seed", 3, "-q")
    again = xavier("surface", "--points", 5, "--seed", 3)
    drawn = xavier("plot", "loss-surface")

    assert made.code == again.code == drawn.code == 0
    (path,) = (here / "surfaces").glob("two-weights-tanh-seed3-*.h5")
    assert f"surfaces/{path.name}" in made.out
    assert again.err == "already computed; `--force` computes it again\n"
    assert again.out == made.out
    assert drawn.out == "figures/loss-surface.png\n"
    assert read_result(path, "surface").config.points == 5


@pytest.mark.slow
def test_a_surface_around_a_trained_run_is_made_and_drawn(xavier, here, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    small = ("--width", 12, "--depth", 2, "--updates", 20, "--seeds", 1, "--eval-examples", 500)
    trained = xavier("train", *small, "-o", "run.h5", "-q")
    made = xavier("surface", "--around", "run.h5", "--points", 5, "-q")
    drawn = xavier("plot", "loss-surface")

    assert (trained.code, made.code, drawn.code) == (0, 0, 0)
    (path,) = (here / "surfaces").glob("*.h5")
    surface = read_result(path, "surface")
    losses = surface.arrays["surface/cross_entropy"]
    assert losses.shape == (5, 5)
    # The middle is the trained network itself, on examples of its own: lower than most around it.
    assert losses[2, 2] < np.median(losses)


def test_machine_formats_carry_both_losses(xavier, here):
    answer = xavier("surface", "--points", 3, "-f", "csv", "-o", "a.h5", "-q")

    lines = answer.out.splitlines()
    assert lines[0] == "schema,loss,min,max,mean_gradient,flat_share,path"
    assert [line.split(",")[1] for line in lines[1:]] == ["cross_entropy", "quadratic"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--act", "tanhh"], 2, "did you mean `tanh`"),
        (["--points", "2"], 2, "points: should be at least 3"),
        (["--span", "0"], 2, "should be above 0"),
        (["--updates", "5"], 2, "goes with `--around RUN`"),
        (["--around", "none.h5"], 5, "`none.h5`: No such file"),
        (["--around", "surface.h5"], 5, "holds a loss surface, not a run"),
        (["-o", "surface.h5"], 2, "`surface.h5` exists"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(xavier, here, plausible_surface, arguments, code, message):
    write_run(here / "surface.h5", plausible_surface())

    answer = xavier("surface", *arguments)

    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err
    assert not (here / "surfaces").exists()


def test_compare_and_ls_pass_over_a_surface_among_runs(xavier, shelf, plausible_surface):
    write_run(shelf / "surface.h5", plausible_surface())

    compared, listed = xavier("compare"), xavier("ls")

    assert compared.code == listed.code == 0
    assert "passed over `runs/surface.h5`: holds a loss surface, not a run" in compared.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["loss-surface"], 2, "`xavier surface` makes one"),
        (["loss-surface", "a.h5", "b.h5"], 2, "draws one file, not 2"),
        (["loss-surface", "runs/tanh-standard.h5"], 5, "holds a run, not a loss surface"),
        (["loss-surface", "--seeds", "2"], 2, "does not take `--seeds`"),
        (["loss-surface", "--term"], 2, "is not drawn in a terminal"),
        (["samples", "--data", "mnits"], 2, "did you mean `mnist`"),
        (["samples", "--data", "mnist"], 2, "--data-dir"),
        (["samples", "runs/tanh-standard.h5"], 2, "takes no RUN"),
        (["curves", "--seed", "1"], 2, "takes no `--data` and no `--seed`"),
        (["curves", "--term", "-o", "a.png"], 2, "for a figure in a file"),
    ],
)
def test_a_figure_that_cannot_be_is_refused_in_one_line(xavier, shelf, monkeypatch, arguments, code, message):
    monkeypatch.delenv("XAVIER_DATA_DIR", raising=False)

    answer = xavier("plot", *arguments)

    assert (answer.code, answer.out) == (code, "")
    assert message in " ".join(answer.err.split())


@pytest.mark.parametrize("kind", ["curves", "saturation", "gradients-over-time"])
def test_term_draws_on_stdout_and_writes_no_file(xavier, shelf, kind):
    answer = xavier("plot", kind, shelf / "tanh-standard.h5", "--term")

    assert answer.code == 0
    assert "updates" in answer.out
    assert max(map(len, answer.out.splitlines())) <= 80
    assert not (shelf.parent / "figures").exists()
