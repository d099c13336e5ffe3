import errno
import os
import re
import sys

import pytest

from xavier_cli.runs.store import write_run


@pytest.fixture
def run_file(make_run):
    """A function that writes a small run to a folder and returns its path."""

    def write(folder="runs", **settings):
        run = make_run(
            **{"width": 12, "updates": 1000, "records": 5, "seeds": 3, "test_examples": 50, **settings}
        )
        path = f"{folder}/{run.config.file_stem()}.h5"
        os.makedirs(folder, exist_ok=True)
        write_run(path, run)
        return path

    return write


@pytest.fixture
def plot(monkeypatch, capfd, tmp_path):
    """A function that runs `xavier plot` in an empty folder and gives its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)

    def command(*arguments):
        from xavier_cli.cli import main

        monkeypatch.setattr(sys, "argv", ["xavier", "plot", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return command


def test_the_path_of_the_figure_is_all_that_stdout_carries(plot, run_file, tmp_path):
    code, out, err = plot("saturation", run_file())

    assert (code, out, err) == (0, "figures/saturation.png\n", "")
    assert (tmp_path / "figures/saturation.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_goes_where_it_is_asked_to(plot, run_file, tmp_path):
    code, out, _ = plot("curves", run_file(), "-o", "deep/er/a.SVG")

    assert (code, out) == (0, "deep/er/a.SVG\n")
    assert (tmp_path / "deep/er/a.SVG").read_bytes().startswith(b"<?xml")


def test_with_no_runs_the_newest_command_s_are_drawn_and_said(plot, run_file):
    run_file(provenance={"command_id": "old"}, created_utc="2024-01-01T00:00:00+00:00")
    run_file(init="standard", provenance={"command_id": "new"}, created_utc="2025-01-01T00:00:00+00:00")

    code, _, err = plot("saturation")

    assert (code, err) == (0, "reading 1 run of the newest command in `runs`, not 1 older\n")


def test_curves_take_all_runs_of_the_folder(plot, run_file):
    run_file(provenance={"command_id": "old"})
    run_file(init="standard", provenance={"command_id": "new"})

    code, _, err = plot("curves")

    assert (code, err) == (0, "reading 2 runs in `runs`\n")


def test_with_no_runs_at_all_a_line_says_what_to_do(plot):
    code, out, err = plot("curves")

    assert (code, out) == (2, "")
    assert "`xavier train` makes one" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["satturation"], "unknown kind of figure `satturation`: did you mean `saturation`?"),
        (["curves", "-o", "a.pgn"], "unknown ending of a figure `.pgn`: did you mean `.png`?"),
        (["curves", "-o", "curves"], "unknown ending of a figure `curves`: known: .png, .pdf, .svg"),
        (["curves", "-o", "runs"], "`runs` is a folder"),
        (["saturation", "--layers", "x"], "`x` should be layers like 1,3,5"),
        (["saturation", "--seeds", "x"], "`x` is not a whole number"),
        (["saturation", "--layers", "9"], "no layer 9; it has: 1 to 5"),
        (["saturation", "--seeds", "5:7"], "no seed 5; it has: 0 to 2"),
        (["activations", "--record", "7"], "no record after update 7; it has: 0, 250, 500, 750, 1000"),
        (["curves", "--record", "first"], "`curves` does not take `--record`"),
        (["gradients-over-time", "--tensor", "bias"], "choose from weight_gradient, backprop"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(plot, run_file, tmp_path, arguments, message):
    run_file()

    code, out, err = plot(*arguments)

    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--size", "huge"], "`huge` should be column, page, or inches like 6 or 6x4"),
        (["--ylim", "9:1"], "`9:1` should rise"),
        (["--style", "no-such"], "unknown style `no-such`"),
        (["--metric", "test_los"], "did you mean `test_loss`?"),
        (["--facet", "acts"], "did you mean `act`?"),
        (["--where", "act=relu"], "no run matches `--where`: act is "),
        (["--term", "--logy"], "`--term` takes no options of a figure's page or axes"),
    ],
)
def test_an_option_of_the_page_that_cannot_be_is_one_line(plot, run_file, arguments, message):
    run_file()

    code, out, err = plot("curves", *arguments)

    assert (code, out) == (2, "")
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err


def test_without_a_kind_one_line_lists_them(plot):
    code, out, err = plot()

    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert all(kind in err for kind in ("saturation", "curves", "samples"))


def test_named_runs_keep_their_order_and_a_folder_s_are_sorted(plot, run_file, tmp_path):
    files = [run_file(init=init) for init in ("normalized", "standard")]

    def order(*runs):
        assert plot("saturation", *runs, "-o", "a.svg")[0] == 0
        svg = (tmp_path / "a.svg").read_text()
        return [name for name in re.findall(r"<!-- (\w+) -->", svg) if name in ("normalized", "standard")]

    assert order(*files) == ["normalized", "standard"]
    assert order(*reversed(files)) == ["standard", "normalized"]
    assert order("runs") == ["standard", "normalized"]


def test_where_chooses_runs_and_pages_have_titles(plot, run_file, tmp_path):
    for init in ("standard", "normalized"):
        run_file(init=init)

    code, _, _ = plot(
        "saturation", "--where", "init=standard", "--title", "Mine", "--no-caption", "-o", "a.svg"
    )

    svg = (tmp_path / "a.svg").read_text()
    assert code == 0
    assert "<!-- Mine -->" in svg
    assert "<!-- tanh standard -->" in svg
    assert "Settings:" not in svg


def test_a_bad_file_among_good_ones_is_named_and_the_others_drawn(plot, run_file, tmp_path):
    good = run_file()
    (tmp_path / "runs/bad.h5").write_bytes(b"no run")

    code, out, err = plot("curves", good, "runs/bad.h5")

    assert (code, out) == (4, "figures/curves.png\n")
    assert "bad.h5" in err


def test_nothing_but_bad_files_is_no_input(plot, tmp_path):
    (tmp_path / "bad.h5").write_bytes(b"no run")

    code, out, _ = plot("curves", "bad.h5")

    assert (code, out) == (5, "")


def test_a_run_without_what_is_drawn_is_skipped_aloud(plot, run_file):
    good, poor = run_file(), run_file(init="standard", only=["curves"])

    code, out, err = plot("saturation", good, poor)

    assert (code, out) == (4, "figures/saturation.png\n")
    assert "skipped: " in err
    assert "no `activation` recorded; it has: curves" in err


def test_only_runs_without_it_are_an_error_that_names_what_is_there(plot, run_file):
    code, out, err = plot("saturation", run_file(only=["curves", "backprop"]))

    assert (code, out) == (2, "")
    assert "no `activation` recorded; it has: backprop, curves" in err


def test_runs_of_one_configuration_are_merged(plot, run_file, tmp_path):
    first, second = run_file(seeds="0,1"), run_file(folder="more", seeds="2,3")

    code, out, _ = plot("curves", first, second, "-o", "a.svg")

    assert (code, out) == (0, "a.svg\n")


def test_a_full_disk_is_told_and_leaves_the_old_figure(plot, run_file, tmp_path, monkeypatch):
    path = run_file()
    (tmp_path / "a.png").write_bytes(b"old")

    def full(*arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    code, out, err = plot("curves", path, "-o", "a.png")

    assert (code, out) == (6, "")
    assert err == "xavier: `a.png` could not be written: No space left on device\n"
    assert sorted(os.listdir(tmp_path)) == ["a.png", "runs"]
    assert (tmp_path / "a.png").read_bytes() == b"old"
