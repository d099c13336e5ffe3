"""Names of data sets with parameters: what they mean, how they are written back, and what is refused."""

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary.datasets import DatasetInfo, find_data
from xavier_cli.vocabulary.lookup import DATA_SETS


@pytest.mark.parametrize(
    ("word", "name", "stem", "side", "colour"),
    [
        ("images:pets", "images:pets@37", "images-pets", 37, False),
        ("images:/a/b/pets/", "images:/a/b/pets@37", "images-pets", 37, False),
        ("images:a@b/pets@64rgb", "images:a@b/pets@64rgb", "images-pets", 64, True),
        ("images:a@b/pets", "images:a@b/pets@37", "images-pets", 37, False),
        ("images:p@th@16", "images:p@th@16", "images-p-th", 16, False),
        ("images:.", "images:.@37", "images", 37, False),
        ("images:p@64rgb,background=white", "images:p@64rgb", "images-p", 64, True),
        ("images:p@background=black", "images:p@37,background=black", "images-p", 37, False),
        (
            "small_imagenet@64rgb,background=black",
            "small-imagenet@64rgb,background=black",
            "small-imagenet",
            64,
            True,
        ),
        ("images:..", "images:..@37", "images", 37, False),
        ("images:b d/ü$(x)", "images:b d/ü$(x)@37", "images-x", 37, False),
        ("small-imagenet", "small-imagenet", "small-imagenet", 37, False),
        ("small_imagenet@37", "small-imagenet", "small-imagenet", 37, False),
        ("small-imagenet@64rgb", "small-imagenet@64rgb", "small-imagenet", 64, True),
    ],
)
def test_images_are_asked_for_by_folder_size_and_colour(word, name, stem, side, colour):
    asked = find_data(word)

    assert (asked.name, asked.stem, asked.side, asked.colour) == (name, stem, side, colour)
    assert find_data(asked.name) == asked
    assert asked.facts is None


@pytest.mark.parametrize(
    "word", ["a/train-images-idx3-ubyte.gz", "a/train-images.idx3-ubyte", "a/images.idx"]
)
def test_idx_files_of_ones_own_are_asked_for_by_the_file_of_images(word):
    asked = find_data(word)

    assert (asked.kind, asked.name, asked.path) == ("idx", word, word)
    assert asked.stem in ("idx-train-images", "idx-images")


def test_arrays_and_a_finite_shapeset_are_asked_for_by_file_and_count():
    arrays, shapeset = find_data("./a/../My Data.npz"), find_data("shapeset:0100")

    assert (arrays.name, arrays.stem, arrays.coding) == ("My Data.npz", "npz-My-Data", (0.0, 1.0))
    assert (shapeset.name, shapeset.stem, shapeset.coding) == ("shapeset:100", "shapeset-100", (-1.0, 1.0))
    assert (shapeset.facts.train, shapeset.facts.classes) == (100, 9)
    assert find_data("shapeset:1e5").name == "shapeset:100000"


@pytest.mark.parametrize("name", list(DATA_SETS))
def test_a_name_alone_says_what_the_table_says(name):
    facts = find_data(name).facts

    assert (facts.inputs, facts.classes) == (DATA_SETS[name].inputs, len(DATA_SETS[name].labels))
    assert facts.guessing_error == DATA_SETS[name].guessing_error


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("mnits", "did you mean `mnist`"),
        ("midx", "unknown data set `midx`"),
        ("images:pets@64,background=red", "`@64,background=red` in"),
        ("images:pets@,background=black", "`@,background=black` in"),
        ("small-imagnet", "did you mean `small-imagenet`"),
        ("zzz", "images:PATH"),
        ("pets/", "`images:pets/`"),
        ("images:", "should name a folder"),
        ("images:@64", "should name a folder"),
        ("images:pets@", "`@` in `images:pets@` should be a size"),
        ("images:pets@big", "`@big` in"),
        ("images:pets@64RGB", "`@64RGB` in"),
        ("images:pets@3", "from 4 to 512"),
        ("images:pets@9999", "from 4 to 512"),
        ("shapeset:", "a number of examples from 1"),
        ("shapeset:-5", "a number of examples from 1"),
        ("shapeset:1e7", "a number of examples from 1"),
        ("shapeset:1000001", "a number of examples from 1"),
        ("images:a\x00b", "control character"),
        ("x" * 5000, "characters"),
    ],
)
def test_what_cannot_be_meant_is_told_in_one_line(word, said):
    with pytest.raises(ConfigError, match=r"^data: ") as caught:
        RunConfig.of(data=word)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_file_of_a_run_has_a_safe_name_whatever_its_data_is_called():
    config = RunConfig.of(data="images:../we ird/né$w@16rgb")

    assert config.file_stem().startswith("images-n-w-tanh-normalized-d5w300-lr0.03-")
    assert RunConfig.from_json(config.to_json()) == config


def test_facts_come_back_as_they_were_and_nonsense_is_refused():
    facts = DatasetInfo(
        name="images:ü@4", inputs=16, classes=2, labels=("ä", "b"), top_class=0.5, shape=(4, 4), sha256="ab"
    )

    assert DatasetInfo.from_json(facts.to_json()) == facts
    assert facts.to_json().isascii()
    for text in ("{}", "[]", "no json", facts.to_json().replace("16", "-1"), "[" * 100_000):
        with pytest.raises(ValueError):
            DatasetInfo.from_json(text)


@pytest.mark.parametrize("word", ["MNIST", "CIFAR-10", "Shapeset", "cifar-10"])
def test_data_sets_may_be_written_as_people_write_them(word):
    assert find_data(word).name == word.lower().replace("-", "")
