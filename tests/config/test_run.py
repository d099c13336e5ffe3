"""A configuration is checked, says what is wrong in one line, and survives the way to JSON and back."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from xavier_cli.config import refusals
from xavier_cli.config.presets import SCALES
from xavier_cli.config.run import LONGEST_WORDS, RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.vocabulary.lookup import ACTIVATIONS, INITIALIZERS


@pytest.mark.parametrize(
    ("field", "typed", "name"),
    [
        ("act", "Tanh", "tanh"),
        ("act", "LEAKY-RELU:slope=0.2", "leaky_relu:slope=0.2"),
        ("init", "Normalized,output=Zeros", "normalized,output=zeros"),
        ("init", "He_Normal", "he_normal"),
        ("loss", "CrossEntropy", "cross_entropy"),
        ("loss", "Quadratic", "quadratic"),
        ("normalization", "Batch", "batch"),
        ("precision", "HIGH", "high"),
        ("pretrain", "AutoEncoder", "dae"),
    ],
)
def test_capitals_hyphens_and_underscores_of_a_name_do_not_matter(field, typed, name):
    assert getattr(RunConfig.of(**{field: typed}), field) == getattr(RunConfig.of(**{field: name}), field)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 0}, r"width: should be at least 1 \(got `0`\)$"),
        (
            {"width": [300, 0], "depth": 2, "lr": -1},
            r"width: should be at least 1 \(got `0`\); lr: should be above 0 \(got `-1`\)$",
        ),
        (
            {"act": "tahn", "init": "foo", "loss": "x"},
            r"^act: unknown activation `tahn`: did you mean `tanh`\? init: unknown initializer `foo`; "
            r"loss: should be cross_entropy or quadratic \(got `x`\)$",
        ),
        ({"depth": "five"}, "depth: `five` is not a whole number$"),
        ({"depth": 1.5}, "depth: .*whole number"),
        ({"depth": True}, "depth: .*whole number"),
        ({"updates": "1e4.5"}, "updates: `1e4.5` is not a whole number$"),
        ({"updates": "10,0"}, "updates: `10,0` is not a whole number$"),
        ({"updates": "9" * 6000}, "updates: `9{40}…` has too many digits"),
        ({"updates": "1e400"}, "updates: "),
        ({"update_rule": "delayed:" + "9" * 6000}, "update_rule: should be"),
        ({"clip": True}, "clip: should be a number"),
        ({"act": "tahn"}, "act: .*did you mean `tanh`"),
        ({"init": "normalised"}, "init: .*did you mean `normalized`"),
        ({"data": "mnits"}, "data: .*did you mean `mnist`"),
        ({"widht": 3}, "unknown setting `widht`: did you mean `width`"),
        ({"seeds": "0,0"}, "seeds: .*twice"),
        ({"seeds": "-1"}, "seeds: .*at least 1"),
        ({"seeds": "4294967296,1"}, "seeds: should be at most 4,294,967,295"),
        ({"seeds": "5000000000"}, "seeds: .*at most"),
        ({"seeds": "3:3"}, "seeds: .*at least one"),
        ({"lr": "nan"}, "lr: "),
        ({"lr": "inf"}, "lr: "),
        ({"lr": "1e400"}, "lr: "),
        ({"lr": "0.1,0.1"}, "lr: .*each once"),
        ({"lr": "0.1,x"}, "lr: `x` is not a number"),
        ({"lr": "1:0:1"}, "lr: .*2 to 1000"),
        ({"records": "often"}, "records: "),
        ({"records": "every:0"}, "records: "),
        ({"records": "every:1", "updates": 10**9}, "records: .*over"),
        ({"coding": "1,0"}, "coding: .*lower one first"),
        ({"coding": "nan,1"}, "coding: "),
        ({"init_gain": "lots"}, "init_gain: should be paper, auto or a number above 0"),
        ({"init_gain": 0}, "init_gain: should be a number above 0"),
        ({"init_gain": "nan"}, "init_gain: should be a number above 0"),
        ({"init_gain": True}, "init_gain: should be paper, auto"),
        ({"loss": "hinge"}, "loss: "),
        ({"batch_size": 2**40}, "batch_size: "),
        ({"act": "ü\n" * 50}, "act: unknown"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_that_names_the_setting(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        RunConfig.of(**settings)

    assert "\n" not in str(caught.value).strip()


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        ("updates", "1e4", 10_000),
        ("updates", "10_000", 10_000),
        ("updates", "10,000", 10_000),
        ("updates", 1e4, 10_000),
        ("updates", "2.5e6", 2_500_000),
        ("depth", " 3.0 ", 3),
        ("width", "1e2,5e1,20", (100, 50, 20)),
        ("width", [1e2, 50.0, 20], (100, 50, 20)),
        ("seeds", "1e1", tuple(range(10))),
        ("seeds", 3.0, (0, 1, 2)),
        ("seeds", [1.0, 7], (1, 7)),
        ("seeds", "0:1e1", tuple(range(10))),
        ("records", "1e1", "10"),
        ("records", 10.0, "10"),
        ("records", "every:1e3", "every:1000"),
        ("schedule", "warmup:1e3,cosine", "warmup:1000,cosine"),
        ("update_rule", "delayed:8.0", "delayed:8"),
        ("data", "shapeset:1e5", "shapeset:100000"),
    ],
)
def test_a_whole_number_may_be_written_as_a_float_is(setting, text, value):
    assert getattr(RunConfig.of(**{setting: text}), setting) == value


_ODD = [
    *(
        "",
        "x",
        "x" * 1000,
        "9" * 6000,
        "1e400",
        "nan",
        "inf",
        "-1",
        "0",
        "1.5",
        "\x00",
        ",",
        ":",
        "a:b",
        "a=b",
    ),
    *(-1, 0, 2**40, 16**6000, 1.5, math.nan, math.inf, True, False, None, b"x", [], [-1], [[1]], ["x", 1.5]),
    *({}, {"a": 1}, (1,), object()),
]


@pytest.mark.parametrize("setting", {**RunConfig.model_fields, **SurfaceConfig.model_fields})
@pytest.mark.parametrize("model", [RunConfig, SurfaceConfig])
def test_a_refusal_is_in_our_own_words(model, setting):
    """Whatever stands for a value: no word of pydantic's or Python's, and no kind of error without a row."""
    for odd in _ODD if setting in model.model_fields else ():
        errors = []
        try:
            model.model_validate({setting: odd})
        except ValidationError as error:
            errors = error.errors()
        assert "is not allowed here" not in map(refusals.words, errors)
        if errors:
            with pytest.raises(ConfigError) as caught:
                model.of(**{setting: odd})
            assert not re.search(
                r"\b(input|valid|parse|convert|instance|string|literal|integer)\b", str(caught.value), re.I
            )
            assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(
    act=st.sampled_from([alias for word in ACTIVATIONS.values() for alias in (word.name, *word.aliases)]),
    init=st.sampled_from([alias for word in INITIALIZERS.values() for alias in (word.name, *word.aliases)]),
    lr=st.floats(1e-8, 1e3) | st.lists(st.floats(1e-8, 1e3), min_size=2, max_size=5, unique=True),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5, unique=True),
    records=st.sampled_from(["20", "log:7", "every:500"]),
    init_gain=st.sampled_from(["paper", "auto", 1.4142135, "0.1"]),
    updates=st.integers(0, 10**6),
)
def test_json_gives_the_same_configuration_back(**chosen):
    config = RunConfig.of(**chosen)
    again = RunConfig.from_json(config.to_json())

    assert again == config
    assert again.sha256() == config.sha256()


def test_an_alias_is_the_same_configuration():
    assert RunConfig.of(init="glorot_uniform").sha256() == RunConfig.of(init="normalized").sha256()


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 100_000, '{"width": NaN}', '{"colour": 1}'])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(ConfigError):
        RunConfig.from_json(text)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("5", (0, 1, 2, 3, 4)),
        ("0,3,7", (0, 3, 7)),
        ("2:5", (2, 3, 4)),
        (3, (0, 1, 2)),
        ([4], (4,)),
        ("4,", (4,)),
    ],
)
def test_seeds_are_a_count_a_list_or_a_range(text, seeds):
    assert RunConfig.of(seeds=text).seeds == seeds


@pytest.mark.parametrize(
    ("text", "lr"),
    [
        ("0.03", 0.03),
        ("0.1,0.01", (0.01, 0.1)),
        ("0.1:0.3:3", (0.1, 0.2, 0.3)),
        ("0.01:1:3:log", (0.01, 0.1, 1.0)),
    ],
)
def test_a_rate_is_one_or_a_list_or_a_grid(text, lr):
    assert RunConfig.of(lr=text).lr == pytest.approx(lr)


def test_a_gain_is_a_word_or_a_number_and_one_is_the_papers():
    assert RunConfig.of().init_gain == "paper"
    assert RunConfig.of(init_gain="auto").init_gain == "auto"
    assert RunConfig.of(init_gain="1.5").init_gain == 1.5
    assert RunConfig.of(init_gain="1.0").sha256() == RunConfig.of().sha256()
    assert RunConfig.of(init_gain="auto").sha256() != RunConfig.of().sha256()


def test_coding_is_the_data_sets_own_unless_given():
    assert RunConfig.of().coding == (-1.0, 1.0)
    assert RunConfig.of(data="mnist").coding == (0.0, 1.0)
    assert RunConfig.of(coding="0,1").coding == (0.0, 1.0)


def test_a_named_coding_is_one_more_value_and_leaves_the_others_their_hashes():
    # The defaults of the release before named codings, which wrote the hash below.
    then = {"data": "mnist", "seeds": 4, "updates": 30_000}
    named, plain = RunConfig.of(coding=" standardize ", **then), RunConfig.of(**then)

    assert (named.coding, named.pixel_range, plain.pixel_range) == ("standardize", (0.0, 1.0), (0.0, 1.0))
    assert RunConfig.from_json(named.to_json()) == named
    assert named.sha256() != plain.sha256()
    assert plain.sha256() == "a809706784d905c90535b2d30d318ad774fcfb18576c184cf2cc4c812ffccde4"
    assert '"coding":[0.0,1.0]' in plain.to_json()
    with pytest.raises(ConfigError, match=r"^coding: standardize needs a training set.*shapeset:10000"):
        RunConfig.of(coding="standardize")
    assert RunConfig.of(data="shapeset:100", coding="standardize").coding == "standardize"
    for wrong in ("whiten", "1", [1], [1, 2, 3], [True, 2], 5, {"a": 1}):
        with pytest.raises(ConfigError, match=r"^coding: .*number") as caught:
            RunConfig.of(data="mnist", coding=wrong)
        assert "more" not in str(caught.value)


@settings(max_examples=100, deadline=None)
@given(
    updates=st.integers(0, 10**7),
    records=st.sampled_from(["2", "20", "100", "log:2", "log:20", "every:5000"]),
)
def test_records_rise_from_zero_to_the_last_update(updates, records):
    at = RunConfig.of(updates=updates, records=records).record_updates()

    assert at[0] == 0
    assert at[-1] == updates
    assert list(at) == sorted(set(at))


def test_records_are_spaced_as_asked():
    assert RunConfig.of(updates=100, records=5).record_updates() == (0, 25, 50, 75, 100)
    assert RunConfig.of(updates=100, records="every:40").record_updates() == (0, 40, 80, 100)
    assert RunConfig.of(updates=1000, records="log:5").record_updates() == (0, 1, 10, 100, 1000)
    assert len(RunConfig.of().record_updates()) == 20


def test_the_scale_of_the_paper_is_the_papers():
    config = RunConfig.of(**SCALES["paper"])

    assert (config.depth, config.width, config.batch_size, config.updates) == (5, 1000, 10, 2_500_000)
    # An epoch of the figures is 20,000 updates (PAPER 2).
    assert config.record_updates()[:3] == (0, 20_000, 40_000)


def test_the_files_name_says_the_content_first():
    config = RunConfig.of(init="standard", lr=0.1)

    assert config.file_stem() == f"shapeset-tanh-standard-d5w300-lr0.1-{config.sha256()[:8]}"
    assert RunConfig.of(lr="0.1,0.2").file_stem().split("-")[4] == "lrsearch"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"optimizer": "adam"}, "adam"),
        ({"optimizer": "momentum:0.9", "batch_size": 128}, "sgd-momentum-0.9-b128"),
        ({"optimizer": "adam:b1=0.8,eps=1e-6"}, "adam-b1-0.8-eps-1e-06"),
        ({"updates": 2500, "seeds": 7}, "u2.5k-s7"),
        ({"seeds": "5:10"}, "s5-9"),
        ({"seeds": "0,3,7"}, "s0-3-7"),
        ({"seeds": "1,3,5,7,9,11"}, "s6-others"),
        ({"normalization": "batch", "dropout": 0.5, "residual": True}, "batchnorm-residual-dropout0.5"),
        ({"init_gain": 1.5, "bias_init": "torch_default", "clip": 1}, "gain1.5-bias-standard-clip1"),
        ({"loss": "quadratic", "schedule": "warmup:100,cosine"}, "quadratic-warmup-100-cosine"),
        ({"weight_decay": 1e-4, "pretrain": "rbm:steps=5"}, "decay0.0001-rbm-steps-5"),
        # What is only measured changes no result.
        ({"records": 5, "eval_examples": 100, "jacobian_examples": 0}, ""),
    ],
)
def test_the_files_name_says_what_is_not_the_default(settings, words):
    config = RunConfig.of(**settings)
    beginning, end = "shapeset-tanh-normalized-d5w300-lr0.03-", config.sha256()[:8]

    assert config.file_stem() == f"{beginning}{words}{'-' * bool(words)}{end}"


def test_the_name_of_a_probe_says_nothing_of_training():
    config = RunConfig.of(updates=0, seeds=7)

    assert config.file_stem() == f"shapeset-tanh-normalized-d5w300-s7-{config.sha256()[:8]}"
    # What a name of before says more is nothing that this one does not.
    assert config.untold_by(f"shapeset-tanh-normalized-d5w300-lr0.03-u0-{config.sha256()[:8]}") == "s7"


def test_the_files_name_is_bounded_however_much_differs():
    config = RunConfig.of(
        optimizer="adam:b1=0.8,eps=1e-6",
        schedule="warmup:100,cosine",
        batch_size=128,
        normalization="batch",
        dropout=0.5,
        updates=777,
        seeds="1,3,5",
    )
    name = config.file_stem()
    words = name.removeprefix("shapeset-tanh-normalized-d5w300-lr0.03-").removesuffix(config.sha256()[:8])

    assert words == "adam-b1-0.8-eps-1e-06-warmup-100-cosine-b128-"
    assert len(words) <= LONGEST_WORDS + 1


def test_widths_may_differ_from_layer_to_layer_and_say_the_depth():
    config = RunConfig.of(width="400,300,200")

    assert (config.depth, config.widths, config.shape) == (3, (400, 300, 200), "400-300-200")
    assert RunConfig.from_json(config.to_json()) == config
    assert "d3w400-300-200-" in config.file_stem()
    assert "d9w400--399-" in RunConfig.of(width=(400,) * 8 + (399,)).file_stem()
    # One way to say one thing: the hash is the same.
    assert RunConfig.of(width=[30, 30, 30]) == RunConfig.of(width=30, depth=3)
    with pytest.raises(ConfigError, match="width: names 3 layers, but depth is 5"):
        RunConfig.of(width="30,30,30", depth=5)


@pytest.mark.parametrize(
    "settings", [{"width": "9" * 5000}, {"act": "x" * 5000}, {"records": "every:" + "9" * 900}]
)
def test_an_error_quotes_no_more_than_a_line(settings):
    with pytest.raises(ConfigError) as caught:
        RunConfig.of(**settings)

    assert len(str(caught.value)) < 600
    assert str(caught.value).startswith(f"{next(iter(settings))}: ")
