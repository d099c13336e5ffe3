"""The networks that come with the package are found from any folder, under one name everywhere."""

from __future__ import annotations

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.vocabulary.networks import find_network, load_network
from xavier_cli.vocabulary.shipped import shipped_file, shipped_folder
from xavier_cli.vocabulary.user_code import load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError

CNN = "recipes/networks/cnn.py"


def test_a_shipped_network_is_found_from_any_folder_with_one_hash(tmp_path, monkeypatch):
    monkeypatch.chdir(shipped_folder().parent)
    here = RunConfig.of(net=f"{CNN}:cnn:depth=30")
    monkeypatch.chdir(tmp_path)

    there = RunConfig.of(net=f"{CNN}:cnn:depth=30")

    assert there == here
    assert there.net == f"{CNN}:cnn:depth=30"
    assert there.sha256() == here.sha256()
    assert load_network(there.network)(inputs=(8, 8, 3), classes=4)


def test_a_file_of_ones_own_comes_first(tmp_path, monkeypatch):
    own = tmp_path / CNN
    own.parent.mkdir(parents=True)
    own.write_text("def cnn(inputs, classes): return 'mine'\n")
    monkeypatch.chdir(tmp_path)

    assert load_network(find_network(f"{CNN}:cnn"))(inputs=(8, 8, 3), classes=4) == "mine"


@pytest.mark.parametrize(
    "place", ["", "cnn.py", "networks/cnn.py", "recipes", "recipes/no.py", "recipes/../recipes/table-1.toml"]
)
def test_nothing_else_is_looked_for_there(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert shipped_file(place) is None


def test_a_file_that_is_not_there_is_named_as_it_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UserFunctionError, match=r"`recipes/networks/none.py` cannot be read"):
        load_user_function("recipes/networks/none.py:cnn")
