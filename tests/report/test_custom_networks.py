"""Reports of custom networks."""

import pytest
from support.network_runs import plant_trained

from xavier_cli.report.answer import report_content


@pytest.mark.parametrize("beside", [False, True])
def test_claims_about_perceptrons_are_left_out_where_there_is_none(beside, make_run):
    mlp = make_run(data="mnist", depth=3, width=12, updates=100, records=2, seeds=5, lr=0.03)
    found = report_content([plant_trained(), plant_trained("nets.py:plain", error=0.3), *[mlp] * beside], [])

    assert found.judged is None
    assert (found.undecided is not None) == beside
    assert "need other runs" not in " ".join(found.answer)
