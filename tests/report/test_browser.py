"""The page in a real browser: it sorts and slides by keyboard, complains of nothing and asks for nothing."""

import shlex

import pytest
from support.browser import PROGRAM, Browser

from xavier_cli.report.answer import report_content
from xavier_cli.report.page import page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]
ENTER, RIGHT = ("Enter", 13), ("ArrowRight", 39)


@pytest.fixture(scope="module")
def browser(tmp_path_factory, make_run):
    folder = tmp_path_factory.mktemp("page")
    small = {"width": 12, "depth": 3, "updates": 1000, "records": 5, "seeds": 5, "test_examples": 50}
    runs = [
        make_run(init="standard", final_error=0.5, **small),
        make_run(act="softsign", final_error=0.4, **small),
        make_run(final_error=0.3, **small),
    ]
    path = folder / "report.html"
    path.write_text(page(report_content(runs, [])), encoding="utf-8")
    browser = Browser(folder / "profile")
    browser.open(path)
    yield browser
    browser.close()


def column(browser, index):
    return browser.value(
        "Array.from(document.querySelectorAll('#comparison tbody tr'))"
        f".map(row => row.cells[{index}].textContent)"
    )


def test_a_column_sorts_by_its_numbers_with_the_enter_key(browser):
    heads = browser.value("Array.from(document.querySelectorAll('#comparison th')).map(h => h.textContent)")
    at = heads.index("test error %")
    browser.value(f"document.querySelectorAll('#comparison th')[{at}].querySelector('button').focus()")
    before = column(browser, at)

    browser.press(*ENTER)
    rising = column(browser, at)
    browser.press(*ENTER)
    falling = column(browser, at)

    state = browser.value(f"document.querySelectorAll('#comparison th')[{at}].ariaSort")
    assert rising == before == sorted(before)
    assert falling == before[::-1]
    assert state == "descending"


def test_the_slider_moves_by_arrow_keys_and_draws_another_record(browser):
    drawn = "document.querySelector('#layers-drawing svg').getAttribute('aria-label')"
    browser.value("document.getElementById('layers-record').focus()")
    first = browser.value(drawn)

    browser.press(*RIGHT)

    second = browser.value(drawn)
    assert "after 0 updates" in first
    assert "after 250 updates" in second
    assert browser.value("document.getElementById('layers-now').textContent") == "after 250 updates"
    assert browser.value("document.querySelectorAll('#layers-drawing .bar').length") > 20
    assert browser.value("document.querySelectorAll('#layers-numbers tbody tr').length") == 3


def test_the_theme_changes_by_hand_and_figures_with_it(browser):
    ink = "getComputedStyle(document.querySelector('#figures svg text')).fill"
    light = browser.value(ink)

    browser.value("document.getElementById('theme').click()")

    dark = browser.value(ink)
    browser.value("document.getElementById('theme').click()")
    assert light == "rgb(0, 0, 0)"
    assert min(map(int, dark[4:-1].split(","))) > 200


def test_nothing_is_asked_for_and_nothing_complained_of(browser):
    requests = [
        event["params"]["request"]["url"]
        for event in browser.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    complaints = [
        event
        for event in browser.events
        if event.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    ]

    assert [url.partition(":")[0] for url in requests] == ["file"], shlex.join(requests)
    assert complaints == []


def test_no_part_is_wider_than_a_narrow_window_but_what_scrolls_by_itself(browser):
    browser.send(
        "Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True
    )

    overflow = browser.value("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    browser.send("Emulation.clearDeviceMetricsOverride")
    assert overflow <= 0
