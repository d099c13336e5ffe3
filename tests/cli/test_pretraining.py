"""Pre-training through the front door: its options, what is refused, and what is shown of it."""

from __future__ import annotations

import json

import pytest

from xavier_cli.cli.terminal.progress import _Lines
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.figures.labels import labels
from xavier_cli.sweeps.plan import SweepCell, groups
from xavier_cli.training.engine.batches import CHUNK_EXAMPLES as FED
from xavier_cli.training.engine.loop import Progress
from xavier_cli.training.estimate import CHUNK_EXAMPLES, core_seconds, memory
from xavier_cli.training.train import untrained
from xavier_cli.views.run import inside_page


def test_a_word_has_one_spelling():
    assert RunConfig.of(pretrain="sdae:noise=0.250").pretrain == "dae"
    assert RunConfig.of(pretrain="dae:noise=.1").pretrain == "dae:noise=0.1"
    assert RunConfig.of(pretrain="rbm:visible=gaussian,steps=5").pretrain == "rbm:steps=5,visible=gaussian"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"pretrain": "autoencodr"},
            "pretrain: unknown pre-training `autoencodr`: did you mean `autoencoder`?",
        ),
        ({"pretrain": "dae:steps=2"}, "unknown parameter `steps` of `dae`: it has noise"),
        ({"pretrain": "dae:noise=1"}, "`noise` of `dae`, the share of inputs set to 0, should be"),
        ({"pretrain": "rbm:steps=1.5"}, "`steps` of `rbm`"),
        ({"pretrain": "rbm:visible=real"}, "`visible` of `rbm`"),
        ({"pretrain": "none:noise=1"}, "it has no parameters"),
        (
            {"pretrain": "dae", "pretrain_updates": 0},
            "pretrain_updates: should be at least 1",
        ),
        ({"pretrain": "dae", "pretrain_lr": -1}, "pretrain_lr: should be above 0"),
        (
            {"pretrain": "dae", "residual": True},
            "pretrain: dae is for plain networks, without residual skips",
        ),
        (
            {"pretrain": "rbm", "act": "prelu"},
            "pretrain: rbm is for plain networks, without the learned slope",
        ),
        ({"pretrain": "dae", "depth": 1000, "pretrain_updates": 10**8}, "pretrain_updates: 1000 layers"),
    ],
)
def test_what_cannot_be_is_one_line_that_names_the_setting(settings, said):
    with pytest.raises(ConfigError) as error:
        RunConfig.of(**settings)

    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_without_pre_training_a_configuration_is_the_one_it_was():
    told = RunConfig.of(pretrain="none", pretrain_updates=7, pretrain_lr=0.5)

    assert told == RunConfig.of()
    assert "pretrain" not in told.to_json()
    assert told.sha256() != RunConfig.of(pretrain="dae").sha256()
    assert untrained(RunConfig.of(pretrain="dae", pretrain_updates=7)) == untrained(RunConfig.of())


def test_records_of_pre_training_reach_its_end():
    assert RunConfig.of(pretrain="dae", pretrain_updates=41).pretrain_records() == (*range(3, 41, 3), 41)
    assert RunConfig.of(pretrain="dae", pretrain_updates=1).pretrain_records() == (1,)
    assert len(RunConfig.of(pretrain="dae", pretrain_updates=10_000).pretrain_records()) == 20
    assert RunConfig.of().pretrain_records() == ()


def test_cost_and_groups_follow(tmp_path):
    plain, pretrained = RunConfig.of(), RunConfig.of(pretrain="dae", pretrain_updates=30_000)
    cells = [SweepCell("train", config, tmp_path / config.file_stem()) for config in (plain, pretrained)]

    assert CHUNK_EXAMPLES == FED
    assert core_seconds(pretrained) > 1.5 * core_seconds(plain)
    assert memory(pretrained) > memory(plain)
    assert len(groups(cells)) == 2


def test_labels_and_titles_say_it(make_run):
    runs = [make_run(pretrain=word, updates=10, width=2) for word in ("none", "dae", "rbm:steps=3")]

    assert labels(runs) == ["not pre-trained", "pre-trained dae", "pre-trained rbm:steps=3"]
    assert runs[1].config.title_suffix == ", pre-trained dae"
    assert runs[1].config.unpredicted_reason == "pre-trained weights"


def test_show_has_the_curve_of_every_layer(make_run):
    run = make_run(pretrain="dae", depth=3, width=4, updates=10, pretrain_updates=100, seeds="2")
    page = inside_page([run])
    table = next(each for each in page.tables if "pre-training" in each.title)

    assert [column.title for column in table.columns] == ["updates", "layer 1", "layer 2", "layer 3"]
    assert [row[0] for row in table.rows] == ["5", "25", "45", "60", "80", "100"]
    assert [float(cell) for cell in table.rows[0][1:]] == pytest.approx([0.1, 0.05, 0.0333], rel=0.01)
    records = [record for record in page.records if record["quantity"] == "reconstruction_error"]
    assert len(records) == 2 * 3 * 20
    assert records[-1] | {"value": 0} == {
        "run": run.config.file_stem(),
        "quantity": "reconstruction_error",
        "value": 0,
        "seed": 1,
        "update": 100,
        "layer": 3,
    }
    assert len(page.data["runs"][0]["pretraining"]["updates"]) == 20


def test_show_has_no_such_table_where_there_was_none(make_run):
    assert not [
        table for table in inside_page([make_run(updates=10)]).tables if "pre-training" in table.title
    ]


def test_progress_says_which_layer_and_training_is_timed_from_its_own_start(capsys, monkeypatch):
    from xavier_cli.cli.terminal import progress

    now = iter(range(0, 1000, 10))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(now)))
    lines = _Lines()
    lines(Progress("compiling", 0, 100, 2))
    for updates in (50, 90):
        lines(Progress("pretraining", updates, 100, 2, phase="pre-training layer 1 of 1"))
    for updates in (10, 30):
        lines(Progress("training", updates, 100, 2))
    said = capsys.readouterr().err.splitlines()

    # The clock is read twice for each report.
    assert said[1].startswith("pretraining (pre-training layer 1 of 1)  90%")
    assert said[1].endswith("4 updates/s")
    assert said[2].startswith("training  30%")
    assert said[2].endswith("2 updates/s")


@pytest.mark.slow
def test_from_the_command_to_the_table(xavier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--scale", "tiny", "--depth", "2", "--act", "sigmoid", "--pretrain", "rbm", "--seeds", "2"]
    trained = xavier("train", *options)
    shown = json.loads(xavier("show", "-f", "json").out)["runs"][0]
    again = xavier("train", *options)
    probed = xavier("probe", "--width", "8", "--pretrain", "dae", "--depth", "2", "--seeds", "1")

    assert trained.code == again.code == probed.code == 0
    assert "pre-trained rbm" in trained.out
    assert "already trained" in again.err
    assert len(shown["pretraining"]["reconstruction_error"][0]) == 2
    assert "--pretrain changes nothing here" in probed.err
