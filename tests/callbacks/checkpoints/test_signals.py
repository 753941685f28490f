"""What a signal does to a run, and where there can be none."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mk_lightning.callbacks.checkpoints import signals as interruption
from mk_lightning.callbacks.checkpoints.signals import SIGNALS, Interruption
from tests.test_resume import fit


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """Signals as a terminal leaves them, whatever the tests were started by."""
    before = {signum: signal.signal(signum, signal.SIG_DFL) for signum in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


def send(signum: int) -> None:
    os.kill(os.getpid(), signum)
    time.sleep(0.001)  # handlers run between two bytecodes


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_stops_at_once_where_nothing_is_lost(signum: int) -> None:
    with pytest.raises(KeyboardInterrupt), Interruption() as stop:  # noqa: PT012
        assert stop.signum is None
        send(signum)
    assert stop.signum == signum


@pytest.mark.parametrize("signum", SIGNALS)
def test_a_signal_that_is_to_wait_is_noted(signum: int, capfd: pytest.CaptureFixture[str]) -> None:
    with Interruption() as stop:
        stop.waits = True
        send(signum)
        send(signum)  # as `timeout` does, which signals its child and its child's group
    assert stop.signum == signum
    name = signal.Signals(signum).name
    assert capfd.readouterr().err == f"\n{name}: stopping when the learner_step is done; again to stop at once\n"


def test_a_later_signal_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "SAME_REQUEST", 0.0)
    with pytest.raises(KeyboardInterrupt), Interruption() as stop:  # noqa: PT012
        stop.waits = True
        send(signal.SIGTERM)
        assert stop.signum == signal.SIGTERM
        send(signal.SIGINT)
    assert stop.signum == signal.SIGTERM, "the first is the reason"


def test_one_that_has_waited_stops_what_need_not() -> None:
    with pytest.raises(KeyboardInterrupt), Interruption() as stop:  # noqa: PT012
        stop.at_once("validating")
        stop.waits = True
        send(signal.SIGTERM)
        stop.at_once("playing test matches")
    assert stop.doing == "playing test matches"


def test_what_is_ignored_stays_so_but_for_ctrl_c() -> None:
    """Below `nohup` SIGHUP is ignored; in a script's background SIGINT is, but the script's Ctrl-C is for all of it."""
    for signum in SIGNALS:
        signal.signal(signum, signal.SIG_IGN)
    with pytest.raises(KeyboardInterrupt), Interruption() as stop:  # noqa: PT012
        for signum in (signal.SIGHUP, signal.SIGTERM, signal.SIGUSR1):
            send(signum)
        assert stop.signum is None
        send(signal.SIGINT)
    assert {signal.getsignal(signum) for signum in SIGNALS} == {signal.SIG_IGN}


def test_a_run_in_a_thread_is_a_run(tmp_path: Path) -> None:
    """Where no handler can be set: W&B's agent calls it so in a notebook."""
    ended: list[str] = []

    def run() -> None:
        fit(tmp_path / "run", {}, [])
        ended.append("well")

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert ended == ["well"]
    assert (tmp_path / "run" / "report.html").is_file()
