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
