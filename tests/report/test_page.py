"""The page itself, read back with a parser: its structure, what is in it, and what can never be."""

import base64
import hashlib
import json
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.findings.claims.verdict import ClaimVerdict
from xavier_cli.findings.comparison import compare
from xavier_cli.report import answer, colours, pictures
from xavier_cli.report.answer import report_content
from xavier_cli.report.content import Content
from xavier_cli.report.elements import element, escaped, json_block, prose
from xavier_cli.report.page import page
from xavier_cli.runs.isolate import Isolation
from xavier_cli.views.comparison_answer import answers
from xavier_cli.views.page import Column, Table
from xavier_cli.vocabulary.claims import CLAIMS
from xavier_cli.vocabulary.datasets import DatasetInfo

EVIL = "<script>alert(1)</script>\"'&$x_1$\u202e\x1b[31m</style>]]>"
VOID = {"meta", "input", "br", "link", "hr", "img"}
SMALL = {"width": 12, "depth": 2, "updates": 1000, "records": 4, "test_examples": 50}


@dataclass
class Element:
    name: str
    attributes: dict
    inside: list = field(default_factory=list)
    text: str = ""

    def all(self):
        yield self
        for child in self.inside:
            yield from child.all()

    def words(self):
        return self.text + "".join(child.words() for child in self.inside)


class Reader(HTMLParser):
    """A tree of elements; a tag that is not closed in its turn is an error."""

    def __init__(self):
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        made = Element(tag, dict(attrs))
        self.open[-1].inside.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].inside.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop().name == tag, tag

    def handle_data(self, data):
        self.open[-1].text += data


def read(text):
    reader = Reader()
    reader.feed(text)
    reader.close()
    (root,) = reader.open
    return list(root.all())


@pytest.fixture(scope="module")
def runs(make_run):
    """Three runs under names from hell, on data of such a name; one seed diverged, one run not finished."""
    data = f"images:/data/{EVIL}".replace("\x1b[31m", "")
    facts = DatasetInfo(name=EVIL, inputs=784, classes=10, labels=(EVIL,) * 10, top_class=0.1, shape=(28, 28))

    def make(name, error, **settings):
        run = make_run(data="mnist", final_error=error, **{**SMALL, **settings}, provenance={"command": EVIL})
        config = run.config.with_(data=data)
        return replace(run, config=config, data=facts, path=Path(f"{name}{EVIL.replace('/', '-')}.h5"))

    return [
        make("a", 0.3, seeds=5),
        make("b", 0.5, seeds=5, init="standard", diverged=(1,)),
        make("c", 0.2, seeds=2, act="sigmoid", status="interrupted", records_done=3),
    ]


@pytest.fixture(scope="module", autouse=True)
def two_kinds():
    """Two kinds of figures stand for all, which the test in a browser draws."""
    with pytest.MonkeyPatch.context() as patch:
        kinds = {name: pictures._KINDS[name] for name in ("curves", "jacobian")}
        patch.setattr(pictures, "_KINDS", kinds)
        yield


@pytest.fixture(scope="module")
def text(runs, two_kinds):
    return page(report_content(runs, [f"a note about {EVIL}"]))


@pytest.fixture(scope="module")
def elements(text):
    return read(text)


def named(elements, name):
    return [each for each in elements if each.name == name]


def test_every_part_is_there_under_its_heading(elements):
    assert len(named(elements, "h1")) == 1
    assert [each.words() for each in named(elements, "h2")] == [
        "Answer",
        "Comparison",
        "Figures",
        "Layers over time",
        "Findings",
        "The paper's claims",
        "Configuration and origin",
        "Reproduce this report",
        "Notes",
    ]
    assert named(elements, "h3")[0].words() == "Test error over updates"


def test_ids_are_unique_and_every_reference_leads_somewhere(text, elements):
    ids = Counter(each.attributes["id"] for each in elements if "id" in each.attributes)
    referred = {name for each in elements for name in each.attributes.get("aria-labelledby", "").split()}
    referred |= set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)[0]) - {""}
    referred |= {a or b for a, b in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)}

    assert [name for name, count in ids.items() if count > 1] == []
    assert referred - {""} - set(ids) == set()
    assert len(referred) > 50


def test_nothing_but_our_own_script_may_run_and_nothing_can_be_asked_for(text, elements):
    (policy,) = (each.attributes["content"] for each in elements if "http-equiv" in each.attributes)
    scripts = [
        each for each in named(elements, "script") if each.attributes.get("type") != "application/json"
    ]
    digest = base64.b64encode(hashlib.sha256(scripts[0].text.encode()).digest()).decode()
    urls = [
        value
        for each in elements
        for name, value in each.attributes.items()
        if value and "://" in value and not name.startswith("xmlns")
    ]

    assert len(scripts) == 1
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}'" in policy
    assert urls == []
    assert not [name for each in elements for name in each.attributes if name.startswith("on")]
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_hostile_names_are_words_and_nothing_else(text, elements):
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert "<script>alert" not in text
    assert "<script>alert(1)</script>" in "".join(each.words() for each in named(elements, "h1"))
    # Captions name a path by its last part.
    assert "style>]]>" in named(elements, "figcaption")[0].words()


def part(elements, name):
    (found,) = (each for each in elements if each.attributes.get("id") == name)
    return found


def classes(element):
    return element.attributes.get("class", "").split()


def test_the_answer_is_that_of_compare_and_a_count(runs, elements):
    answer = part(elements, "answer")
    lead, *others = [each.words() for each in named(answer.all(), "p")]
    said = answers(compare(runs))[0]

    assert f"{lead} {others[0]}" == said
    assert lead.startswith("Best: tanh normalized, ")
    assert others[1].startswith(" of 3 experiments: problems in ")
    assert len(others) == 2
    # The test errors of the two that are complete, and chance level.
    numbers = [each.words() for each in named(answer.all(), "dd")]
    assert numbers[1:] == ["1 of 2", f"{100 * runs[0].facts.guessing_error:.1f} %"]


def test_claims_are_counted_only_where_some_are_judged(runs, monkeypatch):
    """`0 of 36 claims` is nothing to say."""
    words = ("holds", "holds", "does_not_hold", "estimate", "undecided", "undecided", "undecided")
    verdicts = [
        ClaimVerdict(name, word, f"seen {name}", "there", 0.5, None)
        for name, word in zip(CLAIMS, words, strict=False)
    ]
    monkeypatch.setattr(answer, "judge_all", lambda claims, runs: verdicts)
    content = report_content(runs[:1], [])
    monkeypatch.setattr(answer, "judge_all", lambda claims, runs: verdicts[4:])
    none = report_content(runs[:1], [])

    assert content.answer[-1].endswith(
        " The paper's claims: 2 hold, 1 does not, 1 is an estimate; 3 need other runs."
    )
    assert "claim" not in " ".join(none.answer)
    assert [row[1] for row in content.judged.rows] == ["holds", "holds", "does not hold", "estimate"]
    assert len(content.undecided.rows) == 3


def test_the_answer_stays_short_however_many_there_are(make_run, monkeypatch):
    monkeypatch.setattr(pictures, "_KINDS", {})
    many = [make_run(**SMALL, seeds=2, lr=0.01 * (i + 1)) for i in range(14)]
    content = report_content(many, [])

    assert len(content.answer) == 3
    assert sum(map(len, content.answer)) < 400
    assert len(content.key_numbers) in (2, 3)


def test_results_come_first_and_stay_when_the_table_is_scrolled(elements):
    (table,) = (each for each in elements if classes(each) == ["sortable"])
    heads = named(table.all(), "th")

    assert [each.words() for each in heads[1:4]] == ["experiment", "test error %", "error over updates"]
    assert [classes(each) for each in heads[:4]] == [["mark"], ["stay"], ["stay"], []]
    for row in named(table.all(), "tr")[1:]:
        assert [("stay" in classes(cell)) for cell in row.inside[:4]] == [False, True, True, False]


def test_every_row_has_a_curve_on_the_same_axes(runs, elements):
    (table,) = (each for each in elements if classes(each) == ["sortable"])
    drawn = named(table.all(), "svg")
    ends = [float(named(each.all(), "path")[-1].attributes["d"].rsplit(" ", 1)[1]) for each in drawn]
    level = {named(each.all(), "path")[0].attributes["d"] for each in drawn}
    errors = [row.test_error.mean for row in compare(runs).sections[0].rows]

    assert len(drawn) == len(runs)
    # Chance level is at one height, and a higher error is drawn higher.
    assert len(level) == 1
    finished = sorted(zip(errors[:2], ends[:2], strict=True))
    assert finished[0][1] > finished[1][1]


def test_many_experiments_are_small_multiples(make_run, monkeypatch):
    monkeypatch.setattr(pictures, "_KINDS", {})
    many = [make_run(**SMALL, seeds=2, lr=0.01 * (i + 1)) for i in range(8)]
    elements, few = (read(page(report_content(each, []))) for each in (many, many[:3]))
    panels = [each for each in elements if classes(each) == ["panel"]]

    assert len(panels) == 8
    assert {each.attributes["href"] for each in named(elements, "use")} == {"#multiples-0-all"}
    assert len(named(part(elements, "multiples-0-all").all(), "path")) == 8
    assert not [each for each in few if classes(each) == ["panel"]]


def test_code_is_set_as_code_and_nothing_has_backticks(elements):
    shown = [each for each in elements if each.name not in ("script", "style")]
    commands = [each.words() for each in named(elements, "code") if classes(each) == ["command"]]

    assert "check" in [each.words() for each in named(elements, "code")]
    assert not [each.text for each in shown if "`" in each.text.replace(EVIL, "")]
    assert len([text for text in commands if text.startswith("xavier train")]) >= 3


def test_text_between_backticks_is_code_and_escaped():
    assert prose("a `b<` c") == "a <code>b&lt;</code> c"
    assert prose("`xavier ls`") == '<code class="command">xavier ls</code>'
    # One alone is only a sign.
    assert prose("it`s <b>") == "it`s &lt;b&gt;"


def test_settings_that_all_share_are_told_once(runs):
    content = report_content(runs, [])
    shared = dict(content.shared.texts)
    own = [dict(origin.settings.texts) for origin in content.origins]

    assert shared["width"] == "12"
    assert not [each for each in own if each.keys() & shared.keys()]
    assert [each["act"] for each in own] == [row.run.config.act for row in compare(runs).sections[0].rows]


def test_cells_carry_all_digits_and_the_seeds_behind_them(runs, elements):
    comparison = next(each for each in elements if classes(each) == ["sortable"])
    rows = named(comparison.all(), "tr")
    heads = [each.words() for each in rows[0].inside]
    at = heads.index("test error %")
    best = rows[1].inside[at]
    exact = float(np.mean(runs[0]["curves/test_error"][:, -1]))

    assert float(best.attributes["data-value"]) == pytest.approx(exact, abs=1e-15)
    assert best.attributes["title"].count(":") == 1 + 5
    assert rows[1].inside[0].words() == "*"


def test_a_reader_that_cannot_see_is_told_everything(elements):
    for table in named(elements, "table"):
        assert named(table.all(), "caption")
        assert all(head.attributes["scope"] == "col" for head in named(table.all(), "th"))
    for drawing in named(elements, "svg"):
        assert drawing.attributes["role"] == "img"
    scrolling = [each for each in elements if "wide" in classes(each)]
    assert all(each.attributes["tabindex"] == "0" and each.attributes["aria-label"] for each in scrolling)


def test_the_slider_has_every_run_and_record(runs, elements):
    (block,) = (each for each in elements if each.attributes.get("id") == "layers-data")
    shown = json.loads(block.text)["runs"]
    updates = [record["update"] for record in shown[0]["tensors"]["activation"]["records"]]
    best = next(run for run in runs if run.config.act == "tanh")

    assert len(shown) == 3
    assert updates == best.updates.tolist()
    for run in shown:
        for tensor in run["tensors"].values():
            for record in tensor["records"]:
                assert len(record["bars"]) == len(tensor["layers"]) == 2
                assert all(max(bars) == 1000 for bars in record["bars"])


def test_equal_runs_give_equal_bytes(runs, text):
    assert page(report_content(runs, [f"a note about {EVIL}"])) == text


def test_one_run_alone_and_runs_of_two_data_sets(make_run, monkeypatch):
    monkeypatch.setattr(pictures, "_KINDS", {})
    one = make_run(**SMALL, seeds=1)
    two = make_run(**SMALL, seeds=2, data="mnist")
    alone, both = report_content([one], []), report_content([one, two], [])

    assert alone.answer[0].startswith("tanh normalized: ")
    assert 'class="sortable"' not in page(alone)
    assert [each.table.title for each in both.comparison] == ["shapeset", "mnist"]
    assert both.leading == 2
    assert "on mnist" in both.answer[1]
    assert [number.about.split(" of ")[0] for number in both.key_numbers] == [
        "test error on shapeset",
        "test error on mnist",
    ]


def test_an_empty_report_is_still_a_page():
    elements = read(page(Content("nothing", ("Nothing.",))))

    assert [each.words() for each in named(elements, "h2")] == ["Answer"]


def test_text_is_escaped_wherever_it_goes():
    made = element("td", EVIL, title=EVIL, hidden=False, data_value="")
    (cell,) = [each for each in read(made) if each.name == "td"]

    assert cell.attributes == {"title": cell.text}
    assert escaped(escaped(EVIL)) == escaped(EVIL)
    assert json.loads(json_block("x", [EVIL]).partition(">")[2].rpartition("<")[0]) == [EVIL]
    assert json_block("x", [EVIL]).count("<") == 2


def test_a_table_marks_its_best_row_by_more_than_weight():
    table = Table((Column("a"),), (("1",), ("2",)), title="t", best=frozenset({1}))
    rows = named(read(page(Content("t", ("x",), findings=(table,)))), "tr")

    assert [row.inside[0].words() for row in rows] == ["best", "", "*"]


def contrast(one, other):
    light = sorted(
        float(colours.linear(each.lstrip("#")) @ [0.2126, 0.7152, 0.0722]) for each in (one, other)
    )
    return (light[1] + 0.05) / (light[0] + 0.05)


def test_all_words_stand_out_from_the_page_in_both_themes(text):
    themes = [
        dict(re.findall(r"--(\w+): #(\w{6})", block)) for block in re.findall(r"\{ color-[^}]*\}", text)
    ]

    assert len(themes) == 3
    assert themes[1] == themes[2] != themes[0]
    for theme in themes:
        for word in ("ink", "soft", "link"):
            for back in ("page", "back"):
                assert contrast(theme[word], theme[back]) >= 4.5, (word, back)
        assert contrast(theme["bar"], theme["page"]) >= 3


@pytest.mark.parametrize("grey", ["000000", "333333", "666666"])
def test_words_in_figures_stand_out_on_a_dark_page(grey):
    assert contrast(colours.on_dark(grey), "16171a") >= 4.5


def test_lines_in_figures_stand_out_on_a_dark_page_and_keep_their_order():
    from xavier_cli.figures.style import COLOURS, layer_styles

    layers = [style.color[1:] for style in layer_styles(7)]
    on_dark = [contrast(colours.on_dark(colour), "16171a") for colour in layers]
    others = [contrast(colours.on_dark(colour[1:].lower()), "16171a") for colour in COLOURS]

    assert min(on_dark + others) >= 3
    assert on_dark == sorted(on_dark, reverse=True)
    assert contrast(colours.on_dark("ffffff"), "16171a") < 1.2


def test_only_colours_become_variables():
    used = set()
    svg = colours.variables('<path id="a-0072b2" style="fill: #0072b2; stroke: none"/>', used)

    assert svg == '<path id="a-0072b2" style="fill: var(--c-0072b2); stroke: none"/>'
    assert used == {"0072b2"}
    assert colours.light_values(used) == "--c-0072b2:#0072b2;"


def test_a_configuration_is_made_again_by_its_command(runs, elements):
    (again,) = (each for each in elements if each.attributes.get("id") == "again")
    lines = again.words().split("xavier ")

    assert len([line for line in lines if line.startswith("train")]) == len(runs)
    assert lines[-1].startswith("report")
    assert RunConfig.of().data not in lines[1]


def test_of_many_runs_some_stand_for_all_and_it_says_so(runs, monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "draw", lambda kind, runs: drawn.append(list(runs)) or stop())
    monkeypatch.setattr(pictures, "_KINDS", dict.fromkeys(("saturation", "backprop"), ("", ())))

    def stop():
        raise pictures.UnsuitableRunError("not drawn")

    many = [replace(runs[0], config=runs[0].config.with_(lr=0.01 * (i + 1))) for i in range(9)]
    made, notes = pictures.pictures(many, Isolation())
    few, few_notes = pictures.pictures(many[:6], Isolation())

    assert [[each.config.lr for each in group] for group in drawn] == [
        [many[i].config.lr for i in (0, 4, 8)],
        *([each.config.lr for each in many[:6]],) * 2,
    ]
    assert (made, few) == ([], [])
    assert notes == ["no saturation: not drawn"]
    assert len(few_notes) == 2
