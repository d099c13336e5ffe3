"""Which texts are numbers: the same in every format that aligns or protects them."""

import pytest

from xavier_cli.cli.terminal.number_text import ShownNumber, has_points, is_plain_number, shown_number


@pytest.mark.parametrize(
    ("text", "before", "behind", "has_point"),
    [
        ("0.03", "0", "03", True),
        ("1,234.5", "1,234", "5", True),
        ("-0.0078", "-0", "0078", True),
        ("47.7 ± 0.9", "47", "7 ± 0.9", True),
        ("9.5 ± 0.6 %", "9", "5 ± 0.6 %", True),
        ("0.705 ± 2.5 %", "0", "705 ± 2.5 %", True),
        ("+11.7 [9.0, 14.4]", "+11", "7 [9.0, 14.4]", True),
        ("< .0001", "< ", "0001", True),
        ("(.031)", "(", "031)", True),
        (".24", "", "24", True),
        ("~0.03!", "~0", "03!", True),
        ("2.3*", "2", "3*", True),
        ("1.0e-04", "1", "0e-04", True),
        ("999 MB", "999", " MB", False),
        ("1,000", "1,000", "", False),
        ("≥ 74", "≥ 74", "", False),
        ("12.5 GB/s", "12", "5 GB/s", True),
    ],
)
def test_a_number_is_parted_at_its_point(text, before, behind, has_point):
    assert shown_number(text) == ShownNumber(before, behind, has_point)


@pytest.mark.parametrize(
    "text",
    [
        *("3.11.7", "0.2.0.dev0", "2026-11-26T06:48:53.623+00:00", "2026-11-26", "0-4 (N = 5)", "[0, 1]", ""),
        *("400, 300", "h5py 3.16.0, jax 0.10.2", "tanh", "-", "20.7 s: updates 20 s (96.6 %)", "s/(1+|s|)"),
        *("every:10", "5 of 5 seeds", "1/4", "d30w100-lr0.01", "4.3 to 9.4 %", "< .", "x.5"),
    ],
)
def test_versions_dates_ranges_and_names_are_no_numbers(text):
    assert shown_number(text) is None


def test_a_column_has_points_if_one_of_its_numbers_has():
    assert has_points(["1", "", "not tested", ".24"])
    assert not has_points(["3.11.7", "5", "12 MB"])


@pytest.mark.parametrize("text", ["1", "-1.5", "+.5e-3", " 2 ", "1."])
def test_what_programs_write_as_numbers(text):
    assert is_plain_number(text)
    assert not is_plain_number(text + "x")
