"""The page in a real browser: it sorts and slides by keyboard, complains of nothing and asks for nothing."""

import shlex

import pytest
from support.browser import PROGRAM, Browser

from xavier_cli.report.answer import report_content
from xavier_cli.report.content import Content, Origin, Picture
from xavier_cli.report.page import page
from xavier_cli.views.page import Column, Table

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]
ORIGIN = Origin("a.h5", Table((Column("setting"), Column("value")), (("act", "tanh"),), title="a"))
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


def test_a_wide_table_says_that_it_goes_on(browser):
    hidden = "document.querySelector('#comparison .hint').hidden"
    browser.send(
        "Emulation.setDeviceMetricsOverride", width=360, height=800, deviceScaleFactor=1, mobile=True
    )
    browser.value("window.dispatchEvent(new Event('resize'))")
    narrow = browser.value(hidden)
    left = "document.querySelectorAll('#comparison tbody .stay')[0].getBoundingClientRect().x"
    before = browser.value(left)
    browser.value("document.querySelector('#comparison .wide').scrollLeft = 9999")
    browser.value("document.querySelector('#comparison .wide').dispatchEvent(new Event('scroll'))")
    at_end, after = browser.value(hidden), browser.value(left)
    browser.send("Emulation.clearDeviceMetricsOverride")

    assert (narrow, at_end) == (False, True)
    assert after == pytest.approx(before, abs=1)


LABEL = "document.querySelector('[data-part=label][data-series=\"1\"]')"


@pytest.fixture
def planted(browser, tmp_path, make_run):
    """A page with a figure whose two curves have the parts that figures name."""
    parts = "".join(
        f'<g id="curves-series-{i}-line">'
        f'<path d="M0 {20 + 40 * i}H90" style="fill: none; stroke: #000000"/></g>'
        f'<g id="curves-series-{i}-band"><path d="M0 0H9"/></g>'
        f'<g id="curves-series-{i}-label-2"><text x="60" y="{20 + 40 * i}">curve {i}</text></g>'
        for i in (0, 1)
    )
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">{parts}</svg>'
    picture = Picture("curves", "Two curves", svg, "A caption.", Table((Column("a"),), (("1",),)))
    commands = ("xavier train --act tanh", "xavier report runs")
    path = tmp_path / "planted.html"
    path.write_text(page(Content("t", ("x",), pictures=(picture,), again=commands, origins=(ORIGIN,))))
    before = list(browser.events)
    browser.events = []
    browser.open(path)
    yield browser
    browser.events = before


def states(browser, name):
    return browser.value(
        f"Array.from(document.querySelectorAll('[data-series]')).map(e => e.classList.contains('{name}'))"
    )


def test_a_curve_stands_out_under_the_pointer(planted):
    planted.value("document.querySelector('figure svg').scrollIntoView({block: 'center'})")
    box = planted.value(
        "(b => [b.x + b.width / 2, b.y + b.height / 2])(document.querySelector("
        "'[data-series=\"1\"][data-part=line]').getBoundingClientRect())"
    )
    planted.send("Input.dispatchMouseEvent", type="mouseMoved", x=box[0], y=box[1])

    assert states(planted, "dim") == [True, True, True, False, False, False]

    planted.send("Input.dispatchMouseEvent", type="mouseMoved", x=2, y=2)
    assert states(planted, "dim") == [False] * 6


def test_a_curve_is_hidden_by_its_label_with_the_enter_key(planted):
    planted.value(f"{LABEL}.focus()")
    planted.press(*ENTER)

    assert states(planted, "off") == [False, False, False, True, True, True]
    assert planted.value(f"{LABEL}.getAttribute('aria-pressed')") == "false"
    assert planted.value("getComputedStyle(document.querySelector('[data-part=line].off')).display") == "none"
    # The label stays, or it could not be shown again.
    assert planted.value(f"getComputedStyle({LABEL}).display") != "none"

    planted.press(*ENTER)
    assert states(planted, "off") == [False] * 6


def test_a_command_is_copied_by_its_button(planted):
    planted.value(
        "navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve(); };"
        "document.querySelector('.copy').click()"
    )

    assert planted.value("window.copied") == "xavier train --act tanh"
    assert planted.value("document.querySelector('.copy').textContent") == "Copied"


def test_closed_panels_are_open_on_paper_and_closed_afterwards(planted):
    count = "document.querySelectorAll('details[open]').length"
    closed = planted.value(count)
    planted.value("window.dispatchEvent(new Event('beforeprint'))")
    printed = planted.value(count)
    planted.value("window.dispatchEvent(new Event('afterprint'))")

    assert (closed, printed, planted.value(count)) == (0, 2, 0)
