"""Tests recipes: reading, expansion, and errors in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from xavier_cli.config.presets import SCALES
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.sweeps.recipe import RecipeError, find_recipe, read_recipe, shipped_recipes
from xavier_cli.vocabulary.networks import MLP
from xavier_cli.vocabulary.shipped import shipped_folder

GOOD = """
title = "A good one"
[base]
depth = 2
lr = 0.1
[grid]
act = ["tanh", "softsign"]
init = ["standard", "normalized"]
"""


PAPER = 'title = "t"\n[[figures]]\nkind = "curves"\n[[figures.paper]]\n'


@pytest.fixture
def write(tmp_path):
    """A function that writes a recipe's text and returns its path as typed."""

    def at(text: str, name: str = "mine.toml") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return at


def settings(recipe, scale="laptop", changes=None):
    return [cell.settings for cell in recipe.expand(scale, changes)]


def test_every_point_of_the_grid_is_a_cell_the_last_setting_fastest(write):
    recipe = read_recipe(write(GOOD))

    assert recipe.count("laptop") == 4
    assert [(each["act"], each["init"]) for each in settings(recipe)] == [
        ("tanh", "standard"),
        ("tanh", "normalized"),
        ("softsign", "standard"),
        ("softsign", "normalized"),
    ]


def test_later_words_go_over_earlier_ones(write):
    text = """
title = "t"
[base]
width = 1
depth = 1
batch_size = 1
updates = 1
seeds = 1
records = 30
[scales.tiny]
depth = 3
batch_size = 3
updates = 3
[[cells]]
batch_size = 4
updates = 4
tiny = { updates = 5 }
[grid]
lr = [0.5]
"""
    (own,) = settings(read_recipe(write(text)), "tiny", {"seeds": "9"})

    assert own["width"] == SCALES["tiny"]["width"]  # the preset over the base
    assert own["depth"] == 3  # the recipe's scale over the preset
    assert own["batch_size"] == 4  # the cell over the scale
    assert own["updates"] == 5  # the cell's own scale over the cell
    assert own["seeds"] == "9"  # the command line over all
    assert own["lr"] == 0.5
    (laptop,) = settings(read_recipe(write(text)))
    assert (laptop["width"], laptop["depth"], laptop["updates"]) == (1, 1, 4)


def test_cells_are_crossed_with_the_grid(write):
    text = 'title = "t"\n[grid]\nseeds = [1, 2]\n[[cells]]\nact = "tanh"\n[[cells]]\nact = "sigmoid"\n'
    recipe = read_recipe(write(text))

    assert recipe.count("laptop") == len(settings(recipe)) == 4


def test_a_recipe_takes_over_base_and_scales_of_another_and_nothing_else(write):
    write(GOOD + '[scales.tiny]\nwidth = 7\n[[figures]]\nkind = "curves"\n', "other.toml")
    recipe = read_recipe(write('title = "t"\nextends = "other"\n[base]\nlr = 0.2\n[grid]\nact = ["tanh"]\n'))

    assert recipe.base == {"depth": 2, "lr": 0.2}
    assert recipe.scales == {"tiny": {"width": 7}}
    assert (recipe.count("laptop"), recipe.figures) == (1, ())


def test_a_scale_may_have_other_values_of_the_grid(write):
    """Table 1 has four data sets, and at the paper's length one of them."""
    text = GOOD + '[scales.tiny]\nact = "sigmoid"\nlr = 0.2\n[scales.paper]\ninit = ["he_normal", "lsuv"]\n'
    recipe = read_recipe(write(text))

    assert [(each["act"], each["init"], each["lr"]) for each in settings(recipe, "tiny")] == [
        ("sigmoid", "standard", 0.2),
        ("sigmoid", "normalized", 0.2),
    ]
    assert [each["init"] for each in settings(recipe, "paper")] == ["he_normal", "lsuv"] * 2
    assert [recipe.count(scale) for scale in ("tiny", "laptop", "paper")] == [2, 4, 4]


def test_a_recipe_that_does_not_name_the_long_scale_says_which_it_has(write):
    for text in (GOOD, 'title = "t"\n[scales.paper]\nlr = 0.1\n'):
        recipe = read_recipe(write(text))
        for ask in (
            lambda recipe=recipe: settings(recipe, "long"),
            lambda recipe=recipe: recipe.count("long"),
        ):
            with pytest.raises(RecipeError) as error:
                ask()

            assert str(error.value) == (
                "recipe mine is not made for scale `long`, having no `[scales.long]`: "
                "choose tiny, laptop or paper"
            )
    for named in ("[scales.long]\n", '[[cells]]\nact = "tanh"\nlong = { lr = 0.1 }\n'):
        assert settings(read_recipe(write(f'title = "t"\n{named}')), "long")[0]["updates"] == 2_500_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('title = "t"\n[base\n', "line 2"),
        ('title = "t"\nrounds = ["lnog"]\n', "rounds: unknown scale `lnog`: did you mean `long`"),
        ("[base]\ndepth = 1\n", "title: is missing"),
        ('title = "t"\n[bsae]\n', "unknown key `bsae`: did you mean `base`"),
        ('title = "t"\n[base]\nwidht = 3\n', "base: unknown setting `widht`: did you mean `width`"),
        ('title = "t"\n[grid]\ndeph = [3]\n', "grid: unknown setting `deph`: did you mean `depth`"),
        ('title = "t"\n[scales.lapttop]\n', "unknown scale `lapttop`: did you mean `laptop`"),
        ('title = "t"\n[scales.tiny]\nwidht = 3\n', "scales.tiny: unknown setting `widht`"),
        ('title = "t"\n[[cells]]\nackt = "tanh"\n', "cells.0: unknown setting `ackt`: did you mean `act`"),
        ('title = "t"\n[[cells]]\ntiny = { widht = 3 }\n', "cells.0.tiny: unknown setting `widht`"),
        ('title = "t"\n[[cells]]\ntiny = 3\n', "cells.0.tiny: should be a table"),
        ('title = "t"\n[grid]\nact = []\n', "grid.act: should hold at least one value"),
        ('title = "t"\n[grid]\nact = "tanh"\n', "grid.act: should be a list"),
        ('title = "t"\ncells = []\n', "cells: should hold at least one value"),
        ('title = "t"\nbase = 3\n', "base: should be a table of settings"),
        ("title = 3\n", "title: should be text"),
        ('title = "t"\ncommand = "trian"\n', "command: should be train, probe, surface, svm or samples"),
        ('title = "t"\nselect = ["lr", "dept"]\n', "select: unknown setting `dept`: did you mean `depth`"),
        ('title = "t"\nclaims = ["table-1-ordr"]\n', "claims: unknown claim `table-1-ordr`: did you mean"),
        ('title = "t"\n[[figures]]\nkind = "curves"\nrecrd = "last"\n', "did you mean `record`"),
        ('title = "t"\n[[figures]]\nkind = "curves"\n[[figures]]\nkind = "curves"\n', "are called `curves`"),
        ('title = "t"\n[[figures]]\nkind = "curves"\nwhere = { akt = 1 }\n', "figures.0.where: unknown"),
        ('title = "t"\n[[figures]]\nkind = "curves"\nname = "../up"\n', "figures.0.name"),
        (f"{PAPER}row = {{ deph = 1 }}\nupdates = [1]\nvalues = [1]\n", "figures.0.paper.0: unknown setting"),
        (f"{PAPER}row = {{}}\nupdates = [1]\nvalues = []\n", "as many `updates` as `values`"),
        (f"{PAPER}row = {{}}\nupdates = [1]\nvalues = [1]\nvlaues = 1\n", "did you mean `values`"),
        ('title = "t"\n[table]\nrows = ["act", "deph"]\n', "table: unknown setting `deph`"),
        ('title = "t"\n[table]\nrwos = ["act"]\n', "table: unknown key `rwos`: did you mean `rows`"),
        ('title = "t"\nextends = "mine"\n', "a circle"),
        (f'title = "t"\nextends = "{"9" * 5000}"\n', "unknown recipe `9999"),
        (f'title = "t"\nextends = "{"9" * 5000}.toml"\n', "cannot be read: File name too long"),
        ('title = "t"\nextends = "a\\u0000b.toml"\n', "unknown recipe `a"),
        ('title = "t"\nextends = "figure-33"\n', "unknown recipe `figure-33`: did you mean `figure-3`"),
        ("\x00", "is not TOML"),
    ],
)
def test_a_wrong_recipe_is_one_line_that_names_the_file_and_the_place(write, text, said):
    with pytest.raises(RecipeError) as error:
        read_recipe(write(text))

    line = str(error.value)
    assert said in line
    assert "\n" not in line
    assert "mine.toml" in line or "unknown recipe" in line or "cannot be read" in line


def test_a_circle_over_two_recipes_is_told(write):
    write('title = "t"\nextends = "mine"\n', "other.toml")

    with pytest.raises(RecipeError, match="`mine` extends `other` extends `mine`: a circle"):
        read_recipe(write('title = "t"\nextends = "other"\n'))


def test_a_file_that_is_not_there_or_no_text_is_one_line(tmp_path):
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xff")
    for name in ("nothing.toml", ".toml", "bytes.toml"):
        with pytest.raises(RecipeError, match=r"cannot be read|is not text"):
            read_recipe(str(tmp_path / name))


@pytest.mark.parametrize("word", ["figure-2", "figure2", "fig-2", "fig2", "Figure_2"])
def test_a_figure_is_found_however_its_number_is_written(word):
    assert find_recipe(word).name == "figure-2.toml"


def test_recipes_are_listed_as_people_count():
    names = shipped_recipes()

    assert names.index("figure-2") < names.index("figure-10")
    assert {"table-1", "jacobian", *(f"figure-{i}" for i in range(1, 13))} <= set(names)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", shipped_recipes())
def test_shipped_recipes_are_whole_at_every_scale(name, scale):
    recipe = read_recipe(name)
    for cell in [] if not recipe.has_scale(scale) else recipe.expand(scale):
        if cell.command != "surface":
            RunConfig.of(**cell.settings)

    assert recipe.about
    assert recipe.figures or recipe.table


def test_one_configuration_has_one_name_in_all_recipes():
    """Figures 3, 4, 9 and 10 are drawn from the runs of Figure 11, so that nothing is trained twice."""

    def stems(name: str, scale: str) -> set[str]:
        return {RunConfig.of(**cell.settings).file_stem() for cell in read_recipe(name).expand(scale)}

    for scale in SCALES:
        all_runs = stems("figure-11", scale)
        for name in ("figure-3", "figure-4", "figure-9", "figure-10"):
            assert stems(name, scale) <= all_runs, (name, scale)
    assert stems("figure-2", "laptop") <= stems("figure-11", "laptop")
    for name in ("figure-2", "table-1"):
        assert stems(name, "long") <= stems("figure-11", "long"), name


def test_nothing_but_recipes_and_the_readmes_pictures_lies_among_the_recipes():
    """The wheel takes the whole folder along."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    others = [path.name for path in Path(shipped_folder()).iterdir() if path.suffix != ".toml"]

    assert [name for name in others if f"(recipes/{name})" not in readme and name != "networks"] == []


def test_every_shipped_network_is_one_that_a_recipe_names():
    named = set()
    for recipe in map(read_recipe, shipped_recipes()):
        nets = (cell.settings.get("net", MLP) for cell in recipe.expand("laptop"))
        named |= {net.partition(":")[0] for net in nets if net != MLP}

    assert named == {f"recipes/networks/{path.name}" for path in (shipped_folder() / "networks").glob("*.py")}


@pytest.mark.parametrize("like", [["keras"], 3, True, {"keras": 1}, "kears"])
def test_a_like_that_is_no_framework_is_one_line(like):
    with pytest.raises(ConfigError, match="like: unknown framework"):
        RunConfig.of(like=like)


def test_the_template_is_a_recipe_of_its_own(tmp_path):
    from xavier_cli.sweeps.template import RECIPE_TEMPLATE

    (tmp_path / "mine.toml").write_text(RECIPE_TEMPLATE)
    recipe = read_recipe(str(tmp_path / "mine.toml"))

    assert [cell.settings["init"] for cell in recipe.expand("laptop")] == [
        "standard",
        "standard",
        "normalized",
        "normalized",
    ]
    assert {cell.settings["updates"] for cell in recipe.expand("tiny")} == {200}


def test_a_range_in_the_grid_is_the_list_of_its_values(write):
    text = 'title = "t"\n[grid]\nlr = "0.01:1:3:log"\nwidth = "10:30:3"\n'
    recipe = read_recipe(write(text))

    assert recipe.grid == {"lr": [0.01, 0.1, 1], "width": [10, 20, 30]}
    assert recipe.count("laptop") == 9


def test_a_range_that_is_none_is_refused(write):
    with pytest.raises(RecipeError, match="grid"):
        read_recipe(write('title = "t"\n[grid]\nlr = "0:1:3:log"\n'))
