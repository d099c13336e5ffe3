"""Stopping by a limit of time."""

import signal
import time

import pytest

from xavier_cli.cli.terminal.signals import StopFlag


def test_a_limit_stops_like_a_signal_and_is_off_afterwards(capfd):
    with StopFlag(max_seconds=0.01) as stopped:
        for _ in range(100):
            if stopped:
                break
            time.sleep(0.01)
    assert stopped
    assert stopped.exit_code == 128 + signal.SIGTERM
    # One line that says what is waited for, without an empty one before it.
    assert capfd.readouterr().err == "xavier: `--max-time` is up; stopping after the updates under way\n"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_after_a_signal_the_limit_changes_nothing(capfd):
    with StopFlag(max_seconds=1000) as stopped:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGALRM)

    assert stopped.exit_code == 130
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert "is up" not in capfd.readouterr().err


def test_after_the_limit_the_first_signal_waits_for_the_segment():
    with StopFlag(max_seconds=1000) as stopped:
        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(signal.SIGTERM)

    assert stopped.signal == signal.SIGTERM


@pytest.mark.parametrize(
    ("text", "seconds"), [("2h", 7200), ("1h30m", 5400), ("90s", 90), ("1.5", 1.5), ("1d", 86400)]
)
def test_times_are_read(text, seconds):
    from xavier_cli.cli.options.running import parse_seconds

    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0", "2x", "h", "-1s", "1e9", "400d", "٣s", "1s2h"])
def test_what_is_no_time_is_refused(xavier, text):
    answer = xavier("train", "--max-time", text)

    assert answer.code == 2
    assert "2h, 1h30m or 90s" in answer.err
