"""Runs that cost nothing."""

import pytest

SMALL = {"width": 8, "depth": 3, "updates": 1000, "records": 4, "test_examples": 50}


@pytest.fixture
def make(make_run):
    """Makes a `Run` of the library."""
    from xavier_cli import Run

    def made(**settings):
        sizes = {
            name: each for name, each in SMALL.items() if name != "records" or settings.get("updates") != 0
        }
        return Run.of(make_run(**{**sizes, **settings}))

    return made
