from functools import cache

import claim_material
import pytest


@pytest.fixture(scope="session")
def holding(make_run, plausible_surface):
    """A function that gives the runs in which a claim holds, at the scale that it needs."""

    @cache
    def laptop():
        return claim_material.laptop(make_run)

    @cache
    def paper():
        return claim_material.paper(make_run)

    @cache
    def pretrained():
        return claim_material.pretrained(make_run)

    @cache
    def probes():
        return claim_material.probes(make_run)

    @cache
    def beyond():
        return claim_material.beyond(make_run)

    @cache
    def modern():
        return claim_material.modern(make_run)

    @cache
    def surfaces():
        return claim_material.surfaces(plausible_surface)

    def of(scale):
        made = {
            "laptop": laptop,
            "paper": paper,
            "pretrained": pretrained,
            "beyond": beyond,
            "modern": modern,
            "probes": probes,
            "surfaces": surfaces,
        }
        return list(made[scale]())

    return of
