import pytest

from xavier_cli.figures.style import look


@pytest.fixture
def small_run(make_run):
    """A function that makes a small run: narrow, few records."""

    def make(**settings):
        return make_run(**{"width": 12, "updates": 1000, "records": 5, "seeds": 3, **settings})

    return make


@pytest.fixture
def ax():
    """Axes of no page, in the house's look."""
    from matplotlib.figure import Figure

    with look():
        return Figure().add_subplot()


@pytest.fixture
def text_of():
    """A function that gives a figure's caption in one line."""

    def text(figure):
        (caption,) = (text for text in figure.texts if text.get_gid() == "caption")
        return " ".join(caption.get_text().replace("\u00a0", " ").split())

    return text


@pytest.fixture
def line_of():
    """A function that finds the line with a label on Axes."""

    def find(ax, label):
        (line,) = (line for line in ax.get_lines() if line.get_label() == label)
        return line

    return find
