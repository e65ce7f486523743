"""What a running job says of itself, on a terminal and in its log."""

import io
import logging
import re
import sys

import pytest

from attviz_pipeline import progress
from attviz_pipeline.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have passed, to be set."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def read_all(clock: list[float]) -> None:
    with Progress(total=40, label="extract", unit="documents", part="tokens") as job:
        for seconds in range(2, 22, 2):
            clock[0] = seconds
            job.advance(4, 3_000)


def test_terminal_shows_documents_and_tokens_per_second_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(total=40, label="extract", unit="documents", part="tokens") as job:
        job._bar.start_t -= 10
        job._bar.mininterval = 0
        job.advance(20, 15_000)

    shown = terminal.getvalue()
    assert re.search(r"extract:  50%.* 20/40 \[00:10<00:\d\d, +[\d.]+ documents/s, [\d,]+ tokens/s\]", shown), shown


def test_log_says_the_same_every_ten_seconds(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    read_all(clock)

    assert caplog.messages == [
        "extract: 20 of 40 documents, 2.0/s, 1,500 tokens/s, 10 s left",
        "extract: 40 of 40 documents, 2.0/s, 1,500 tokens/s, 0 s left",
    ]


def test_nothing_is_drawn_where_there_is_no_terminal(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(sys, "stderr", file)
    read_all(clock)

    assert file.getvalue() == ""


def test_time_left_is_unknown_before_anything_is_done(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Progress(total=40, label="extract", unit="documents"):
        pass

    assert caplog.messages == ["extract: 0 of 40 documents, 0.0/s, time left unknown"]


def test_time_left_follows_from_the_last_minute(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Progress(total=1000, label="extract", unit="documents") as job:
        for _ in range(10):  # ten documents a second, and later one
            clock[0] += 10
            job.advance(100 if clock[0] < 50 else 10)

    assert caplog.messages[3] == "extract: 400 of 1,000 documents, 10.0/s, 60 s left"
    assert caplog.messages[9] == "extract: 460 of 1,000 documents, 1.0/s, 540 s left"
