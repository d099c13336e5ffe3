from functools import cache

import pytest
from support import claim_material


@pytest.fixture(scope="session")
def holding(make_run, plausible_surface):
    """A function that gives the runs in which a claim holds, at the scale that it needs."""

    @cache
    def made(scale):
        return getattr(claim_material, scale)(plausible_surface if scale == "surfaces" else make_run)

    return lambda scale: list(made(scale))
