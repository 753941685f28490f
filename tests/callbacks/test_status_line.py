from __future__ import annotations

import io
import re

import pytest
from rich.table import Table

from mk_lightning.callbacks.status_line import StatusLine


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, s, which a test sets."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    return Terminal()


def plain(text: str) -> str:
    """What a terminal shows, without colours."""
    return re.sub(r"\x1b\[[\d;]*m", "", text)


def test_a_terminal_has_a_line_that_is_rewritten_and_gone_when_the_phase_is_done(
    clock: list[float], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    line = StatusLine(terminal)
    line.show("training", 50, 100, "0:00:10 left")
    line.show("training", 100, 100, "0:00:00 left")
    line.show("validating", 1, 4, "1/4 matches")
    first, second, third = plain(terminal.getvalue()).split("\r\x1b[2K")[1:]
    assert re.fullmatch(r"training \S+ +50% 0:00:10 left *", first)
    assert second == ""
    assert re.fullmatch(r"validating \S+ +25% 1/4 matches *", third)


def test_a_line_is_no_wider_than_the_terminal(clock: list[float], terminal: Terminal) -> None:
    StatusLine(terminal).show("measuring what came of it", 1, 2, "figures " * 20)
    shown = plain(terminal.getvalue()).removeprefix("\r\x1b[2K")
    assert len(shown) < 60
    assert shown.startswith("measuring what came of it  50% figures figures"), "no bar in place of words"


def test_a_dumb_terminal_has_the_lines_of_a_log(
    clock: list[float], terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    line = StatusLine(terminal)
    line.show("training", 50, 100, "0:00:10 left")
    line.show("training", 100, 100, "0:00:00 left")
    assert terminal.getvalue() == "training 50%: 0:00:10 left\ntraining 100%: 0:00:00 left\n"


def test_a_log_has_lines_of_plain_text(clock: list[float]) -> None:
    line = StatusLine(log := io.StringIO())
    line.show("training", 50, 100, "0:00:10 left")
    line.say("validation: win rate all 50%")
    assert log.getvalue() == "training 50%: 0:00:10 left\nvalidation: win rate all 50%\n"


def test_a_log_has_one_when_a_phase_begins_and_every_15_seconds(clock: list[float]) -> None:
    line = StatusLine(io.StringIO())
    assert due(line, clock, 14.0) == [False, False, True]
    assert due(line, clock, 15.0)[0]


def test_a_terminal_has_one_every_half_second_and_at_the_end(clock: list[float], terminal: Terminal) -> None:
    line = StatusLine(terminal)
    assert due(line, clock, 0.4)[:2] == [False, True]
    assert due(line, clock, 0.5)[0]


def due(line: StatusLine, clock: list[float], seconds: float) -> list[bool]:
    """Whether a line is due so long after one of training: in its middle, at its end, and in another phase."""
    clock[0] = 0.0
    line.show("training", 50, 100, "")
    clock[0] = seconds
    return [line.due("training", 60, 100), line.due("training", 100, 100), line.due("validating", 1, 9)]


def test_a_table_takes_the_line_s_place(clock: list[float], terminal: Terminal) -> None:
    line = StatusLine(terminal)
    line.show("training", 50, 100, "")
    table = Table("state")
    table.add_row("VeryHard.Bramble-01")
    line.show_table(table)
    assert "\r\x1b[2K" in terminal.getvalue().partition("50%")[2]
    assert "VeryHard.Bramble-01" in terminal.getvalue()
