"""`xavier tag`, and the commands that find runs by their tags, through their front door."""

from __future__ import annotations

import csv
import io
import json

import pytest

from xavier_cli.files.locks import lock_output
from xavier_cli.runs.store import read_run, write_run


def marks(shelf, name):
    run = read_run(shelf / f"{name}.h5")
    return run.tags, run.note


def test_a_run_is_tagged_by_name_and_says_what_it_has_then(shelf, xavier):
    answer = xavier("tag", "tanh-normalized", "paper", "draft")

    assert answer.code == 0
    assert answer.out.splitlines()[0].split() == ["tags", "run"]
    assert "paper draft  tanh-normalized" in answer.out
    assert marks(shelf, "tanh-normalized") == (("paper", "draft"), "")
    assert marks(shelf, "tanh-standard") == ((), "")


def test_tags_go_and_notes_are_replaced(shelf, xavier):
    xavier("tag", "tanh-normalized", "paper", "draft", "--note", "the one in Table 2")
    answer = xavier("tag", "tanh-normalized", "--remove", "draft,nowhere", "-f", "json")

    (run,) = json.loads(answer.out)["runs"]
    assert (run["tags"], run["note"]) == (["paper"], "the one in Table 2")
    xavier("tag", "tanh-normalized", "--note", "")
    assert marks(shelf, "tanh-normalized") == (("paper",), "")


def test_several_runs_by_path_pattern_and_condition(shelf, xavier):
    xavier("tag", "runs/tanh-normalized.h5", "softsign-normalized", "both")
    xavier("tag", "runs/tanh-*.h5", "tanh")
    xavier("tag", "--where", "init=standard", "old")

    assert marks(shelf, "tanh-normalized")[0] == ("both", "tanh")
    assert marks(shelf, "softsign-normalized")[0] == ("both",)
    assert marks(shelf, "tanh-standard")[0] == ("tanh", "old")


def test_a_plus_makes_a_tag_of_what_is_also_a_run(shelf, xavier):
    xavier("tag", "tanh-standard", "+tanh-normalized")

    assert marks(shelf, "tanh-standard")[0] == ("tanh-normalized",)
    assert marks(shelf, "tanh-normalized")[0] == ()


def test_without_anything_the_marked_runs_are_shown(shelf, xavier):
    none = xavier("tag")
    assert (none.code, none.out.strip()) == (0, "")
    assert "no run has a tag or a note: `xavier tag RUN paper` adds one" in none.err
    xavier("tag", "tanh-standard", "--note", "watch the top layer")
    shown = xavier("tag").out

    assert "watch the top layer" in shown
    assert "tanh-normalized" not in shown
    assert "tanh-normalized" in xavier("tag", "tanh-normalized").out


def test_ls_and_compare_find_and_show_them(shelf, xavier):
    xavier("tag", "tanh-normalized", "tanh-standard", "paper")
    xavier("tag", "tanh-standard", "bad", "--note", "see mail")

    def listed(*conditions):
        arguments = (word for each in conditions for word in ("--where", each))
        return {run["run"] for run in json.loads(xavier("ls", *arguments, "-f", "json").out)["runs"]}

    assert listed("tag=paper") == {"tanh-normalized", "tanh-standard"}
    assert listed("tag=paper,tag!=bad") == {"tanh-normalized"}
    assert listed("tags=pa*", "note=see*") == {"tanh-standard"}
    assert listed("tag!=paper") == {"softsign-normalized"}
    rows = {row["run"]: row for row in csv.DictReader(io.StringIO(xavier("ls", "-f", "csv").out))}
    assert (rows["tanh-standard"]["tags"], rows["tanh-standard"]["note"]) == ("paper,bad", "see mail")
    assert "paper bad" in xavier("ls", width=120).out
    (section,) = json.loads(xavier("compare", "--where", "tag=paper", "-f", "json").out)["sections"]
    assert len(section["rows"]) == 2
    nothing = xavier("compare", "--where", "tag=nowhere")
    assert (nothing.code, nothing.err.splitlines()[-1]) == (
        2,
        "xavier: no run matches `--where`: tag is bad, paper in these runs",
    )
    shown = xavier("show", "tanh-standard", "-f", "json").out
    assert json.loads(shown)["runs"][0]["tags"] == ["paper", "bad"]
    assert "see mail" in xavier("show", "tanh-standard").out


def test_compare_takes_the_tagged_files_of_one_configuration(shelf, xavier, exact_run):
    write_run(shelf / "more.h5", exact_run([0.4] * 3, first_seed=7))
    xavier("tag", "more", "late")
    whole, late = (
        json.loads(xavier("compare", *more, "-f", "json").out)["sections"][0]["rows"]
        for more in (["runs/more.h5", "runs/tanh-normalized.h5"], ["--where", "tag=late"])
    )

    assert [row["n"] for row in whole] == [8]
    assert [row["n"] for row in late] == [3]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere", "paper"], 5, "no run `nowhere`"),
        (["tanh-normalized", "two words"], 2, "should be a word"),
        (["tanh-normalized", "runs/typo.h5"], 5, "no run `runs/typo.h5`"),
        (["+paper"], 2, "name the runs, or choose them with `--where`"),
        (["--note", "x"], 2, "name the runs, or choose them with `--where`"),
        (["tanh-normalized", "--note", "x" * 1001], 2, "over 1,000"),
        (
            ["--where", "act=relu", "paper"],
            0,
            "`--where`: act is softsign, tanh in these runs",
        ),
    ],
)
def test_wrong_input_is_one_line_and_nothing_is_marked(shelf, xavier, arguments, code, said):
    if "runs/typo.h5" in arguments:
        code = 4
    answer = xavier("tag", *arguments)

    assert (answer.code, answer.err.count("xavier: ") <= 1) == (code, True)
    assert said in answer.err
    if code != 4:
        assert all(marks(shelf, path.stem)[0] == () for path in shelf.glob("*.h5"))


def test_a_run_in_use_is_code_6_and_among_others_code_4(shelf, xavier):
    with lock_output(shelf / "tanh-standard.h5"):
        alone, among = xavier("tag", "tanh-standard", "x"), xavier("tag", "runs/tanh-*.h5", "y")

    assert alone.code == 6
    assert "being written by process" in alone.err
    assert among.code == 4
    assert marks(shelf, "tanh-normalized")[0] == ("y",)
    assert marks(shelf, "tanh-standard")[0] == ()
