"""`xavier check`, through its front door."""

import csv
import io
import json
import re

import pytest

from xavier_cli.runs.store import write_run


@pytest.fixture
def clean(tmp_path, monkeypatch, make_run):
    """A run in `runs` that only its rules of curves can be held against."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    write_run(tmp_path / "runs" / "clean.h5", make_run(width=8, seeds="5", only=["curves"]))
    return tmp_path / "runs"


@pytest.fixture
def ill(clean, make_run):
    """A second run, one seed of which diverged."""
    run = make_run(width=8, seeds="5", only=["curves"], diverged=[1], lr=0.3)
    write_run(clean / "ill.h5", run)
    return clean / "ill.h5"


def test_a_clean_run_is_code_0(clean, xavier):
    answer = xavier("check")

    assert answer.code == 0
    assert "reading 1 run of the newest command" in answer.err
    line = answer.out.splitlines()[1]
    assert line.split()[:5] == ["no", "problems", "clean", "20,000", "5"]
    # A run without problems may be no better than chance, which nothing else would say.
    assert re.search(r"(29|30)\.\d ± \d\.\d %  +83\.3 %", line)
    words = " ".join(answer.out.split())
    assert "the numbers are not in clean: zero-gradients, symmetric-units" in words


def test_how_many_runs_are_not_looked_at_is_said(clean, xavier, make_run):
    for number in range(2):
        was = {"provenance": {"command_id": f"old {number}"}, "created_utc": "2024-01-01T00:00:00+00:00"}
        run = make_run(width=8, seeds="5", only=["curves"], lr=0.01 * (number + 1), **was)
        write_run(clean / f"older-{number}.h5", run)

    assert "reading 1 run of the newest command in `runs`, not 2 older" in xavier("check").err


def test_an_ill_one_is_code_3_with_advice_to_paste(ill, xavier):
    answer = xavier("check", ill)

    assert answer.code == 3
    assert answer.out.splitlines()[1].startswith("problems  ill ")
    assert "1 of 5 seeds diverged, the first at update" in " ".join(answer.out.split())
    assert "Try `xavier train --width 8 --lr 0.03" in answer.out


def test_runs_without_problems_are_counted_unless_all_are_asked_for(ill, xavier):
    short, full = xavier("check", "runs"), xavier("check", "runs", "-v")

    assert short.out.startswith("2 runs: problems found in 1, 1 without problems.\n")
    said = " ".join(short.out.split())
    assert re.search(r"1 run without problems, test error \S+ %, chance level 83\.3 %; `-v` lists them", said)
    assert "no problems" not in short.out
    assert "no problems  clean" in full.out
    assert "`-v`" not in full.out
    # The worst comes first, whatever the order of the files.
    assert full.out.index("  ill") < full.out.index("  clean")
    both = [json.loads(xavier("check", "runs", *more, "-f", "json").out)["runs"] for more in ([], ["-v"])]
    assert both[0] == both[1]
    assert len(both[0]) == 2


@pytest.mark.parametrize("width", [60, 80])
def test_names_of_runs_are_never_broken(clean, xavier, make_run, width):
    name = "shapeset-softsign-normalized-d5w300-lr0.03-0123abc"
    for i, diverged in enumerate(([1], [2])):
        write_run(clean / f"{name}{i}.h5", make_run(width=8, seeds="5", only=["curves"], diverged=diverged))
    out = xavier("check", "runs", width=width).out

    assert [out.count(f"{name}{i}") for i in (0, 1)] == [2, 2]
    assert max(map(len, out.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 200])
def test_it_fits_the_screen(ill, xavier, width):
    lines = xavier("check", width=width).out.splitlines()

    assert max(map(len, lines)) <= width


def test_machine_formats_name_every_run(ill, xavier):
    page = json.loads(xavier("check", "runs", "-f", "json").out)
    rows = list(csv.DictReader(io.StringIO(xavier("check", "runs", "-f", "csv").out)))

    assert page["schema"] == "xavier.check/1"
    assert {run["run"]: run["verdict"] for run in page["runs"]} == {
        "runs/clean.h5": "clean",
        "runs/ill.h5": "ill",
    }
    assert [run["state"] for run in page["runs"]] == ["no problems", "problems found"]
    assert [(row["verdict"], row["rule"]) for row in rows] == [("clean", ""), ("ill", "diverged")]


def test_only_the_rules_asked_for(ill, xavier):
    assert xavier("check", ill, "--rules", "plateau-at-chance, not-finished").code == 0


@pytest.mark.parametrize(
    ("rules", "message"),
    [("divergd", "did you mean `diverged`"), (",", "no value beside it"), ("", "--rules needs a value")],
)
def test_a_wrong_rule_is_refused(ill, xavier, rules, message):
    answer = xavier("check", ill, "--rules", rules)

    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err


def test_list_documents_every_rule(xavier):
    answer = xavier("check", "list", "-f", "json")
    rules = json.loads(answer.out)["rules"]

    assert answer.code == 0
    assert len(rules) == 22
    assert all(rule["threshold"] and rule["source"] and rule["about"] for rule in rules)


def test_a_bad_file_hides_no_other(clean, xavier):
    (clean / "bad.h5").write_bytes(b"")

    answer = xavier("check", "runs")

    assert answer.code == 4
    assert "no problems  clean" in answer.out
