"""Whole commands as they are seen: at terminals of two widths, at a dumb one, and through a pipe."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.terminal import Session, at_terminal, in_pipe
from tests.test_resume import CONFIG

KINDS = {"80": 80, "200": 200, "dumb": 80, "pipe": None}
"""Columns, by what the output goes to."""
ROUND = """
data:
  warmup_env_steps: 64
  env: {max_env_steps: 200}
  replay: {capacity: 2000}
  evaluation: {every: 1.0, num_envs: 2}
"""
WON, LOST = "VeryEasy.Ember-04", "VeryHard.Kestrel-05"
LADDER = ["ladder", "-c", "dojo/finetune", "-m", "recommended", "-c", "round.yaml", "--states", WON, LOST,
          "--env_steps", "64", "--matches", "1"]  # fmt: skip
PHASE = r"(?:measuring the base|measuring what came of it|recording|training|validating|testing)"
PROGRESS = re.compile(rf"({PHASE}) +(?:\S*[━╸╺]\S* +)?\d+%:? .*")
STATE = r"(?:VeryEasy|Hard|VeryHard)\.\w+-\d\d"
TABLE = re.compile(
    rf"[┏┃┡│├└].*|─+| +\S.*|(?:{STATE}|state|original|challenging|all|mean|mean of \d)(?: +(?:[a-z]+|\d+%).*)?"
)
"""A table's title and its rows, with a frame and without."""
RATES = r"validation: win rate all \d+%, original \d+%, challenging \d+%, VeryEasy.Bramble-01 \d+%, Hard.Scythe-03 \d+%"
FIT = [
    r"run will take at most 0.00 GB of disk, [\d.]+ GB are free",
    "measuring the base",
    RATES,
    r"untrained does not win 1 of its 1 original states: VeryEasy.Bramble-01 0% of 1; methods .*: mk-lightning weak "
    r"run/before.json",
    "run/before.mp4 shows how it does not win VeryEasy.Bramble-01",
    "training",
    "validating",
    RATES,
    "training",
    "validating",
    RATES,
    "measuring what came of it",
    r"Better on the challenging states\? .*",
    r"Original states kept\? .*",
    r"Overall\? .*",
    r"Another way to fight\? .*",
    r"Matches fought to the end\? .*",
    r"run: run \(report.html; .*\)",
    "next: open run/report.html",
    "more matches: mk-lightning test -c run/config.yaml --ckpt_path run/checkpoints/best.ckpt "
    "--data.evaluation.test_matches 50",
    "still lost: VeryEasy.Bramble-01 0% of 1, Hard.Scythe-03 0% of 1",
]
TEST = [
    "testing",
    "VeryEasy.Bramble-01 1 of 1, Hard.Scythe-03 1 of 1 were cut off at 15 env_steps and count as lost; .*",
    r"run: run-test \(metrics.csv; .*\)",
]
MEASURED = [
    "initialised from checkpoints/dojo-base.ckpt: 12 parameters matched",
    "measuring checkpoints/dojo-base.ckpt: 1 match of each of 2 states",
]
BEST = ["best policy: checkpoints/dojo-base.ckpt", r"ladder: \w+ \(ladder.html, ladder.json, .*\)"]
QUESTIONS = ("Better on ", "Original states kept?", "Overall?", "Another way ", "Matches fought ")
"""That are answered in prose, which a terminal has wrapped between words."""
SPENT = [*MEASURED, "ended: 0 of 10 env_steps are spent, and a round takes 64", *BEST]
RESISTED = [
    *MEASURED,
    f"round 1: {LOST}; to keep: {WON}",
    "initialised from checkpoints/dojo-base.ckpt: 12 parameters matched",
    r"climbed/round-1 will take at most [\d.]+ GB of disk, [\d.]+ GB are free",
    "measuring the base",
    f"validation: win rate all 50%, original 100%, challenging 0%, {WON} 100%, {LOST} 0%",
    f"climbed/round-1/before.mp4 shows how it does not win {LOST}",
    "recording 64 env_steps of the base policy on 1 original states",
    "recording",
    "recorded in climbed/round-1/recording",
    r"The number of training batches \(8\) is smaller than the logging interval .*",
    f"WeaknessTargeting has nothing to choose: every training match is of {LOST}",
    "training",
    "validating",
    f"validation: win rate all 50%, original 100%, challenging 0%, {WON} 100%, {LOST} 0%",
    "measuring what came of it",
    "round 1: not kept, challenging 0% -> 0%, original 100% -> 100%: no gain",
    f"round 1, {LOST}: challenging 0% -> 0%, original 100% -> 100%: no gain: not kept",
    f"ended: {LOST} resisted: try more env_steps .*",
    *BEST,
]


@pytest.fixture(scope="module", params=KINDS)
def sessions(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Session]:
    """What each command has come to, where its output goes to one of the kinds."""
    folder = tmp_path_factory.mktemp("sessions")
    trainer = {"accelerator": "cpu", "log_every_n_steps": 5}
    (folder / "c.yaml").write_text(yaml.safe_dump({**CONFIG, "run_dir": "run", "trainer": trainer}))
    (folder / "round.yaml").write_text(ROUND)
    commands = {
        "fit": ["fit", "-c", "c.yaml"],
        "test": ["test", "-c", "c.yaml"],
        "ladder": [*LADDER, "--budget", "10", "--run_dir", "spent"],
    }
    if request.param == "80":
        commands["round"] = [*LADDER, "--run_dir", "climbed"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return {name: _session(words, request.param) for name, words in commands.items()}


def _session(words: list[str], kind: str) -> Session:
    columns = KINDS[kind]
    if columns is None:
        return in_pipe(words)
    return at_terminal(words, columns, "dumb" if kind == "dumb" else "xterm-256color")


def said(session: Session) -> list[str]:
    """The lines of the screen that are no table's, of a phase's several in a row one."""
    lines: list[str] = []
    for line in session.lines:
        phase = PROGRESS.fullmatch(line)
        if lines and lines[-1].startswith(QUESTIONS) and not line.startswith((*QUESTIONS, "run: ")):
            lines[-1] += f" {line}"
        elif not TABLE.fullmatch(line) and not (phase and lines and lines[-1].startswith(phase[1])):
            lines.append(line)
    return lines


def expected(lines: list[str], session: Session) -> list[str]:
    """What stays: of a phase nothing, where its line could be rewritten."""
    return [line for line in lines if "\x1b" not in session.raw or not re.fullmatch(PHASE, line)]


@pytest.mark.parametrize(("command", "lines"), [("fit", FIT), ("test", TEST), ("ladder", SPENT), ("round", RESISTED)])
def test_every_line_is_one_that_it_must_be(sessions: dict[str, Session], command: str, lines: list[str]) -> None:
    """None is glued to another, none is left of a phase that is over, and none is missing."""
    if command not in sessions:
        return
    session = sessions[command]
    assert session.code == 0, session.raw
    shown, wanted = said(session), expected(lines, session)
    for line, pattern in zip(shown, wanted, strict=False):
        assert re.fullmatch(rf"{pattern} +\d+%: .*|{pattern}", line), f"{line!r} is not {pattern!r}"
    assert len(shown) == len(wanted), shown[len(wanted) :] or wanted[len(shown) :]


def test_no_table_and_no_status_line_is_wider_than_the_terminal(sessions: dict[str, Session]) -> None:
    for session in sessions.values():
        columns = session.columns or 110
        tables = [line for line in session.lines if TABLE.fullmatch(line)]
        assert tables
        assert max(map(len, tables)) <= columns
        frames = [re.sub(r"\x1b\[[\d;]*m", "", frame) for frame in session.raw.split("\r\x1b[2K")]
        status = [frame for frame in frames if PROGRESS.fullmatch(frame)]
        assert all(len(frame) < columns for frame in status)
        assert not any(frame.endswith(("|", "| ")) for frame in status)


def test_only_a_terminal_that_can_rewrite_its_lines_gets_control_sequences(
    sessions: dict[str, Session], request: pytest.FixtureRequest
) -> None:
    rewritable = request.node.callspec.params["sessions"] in {"80", "200"}
    for session in sessions.values():
        assert ("\x1b" in session.raw) == rewritable
        assert ("\r" in session.raw.replace("\r\n", "\n")) == rewritable


def test_every_row_of_a_table_is_whole(sessions: dict[str, Session]) -> None:
    """At 80 columns cells wrap between words, and an interval stays in one line."""
    text = "\n".join(sessions["fit"].screen)
    for state in ("VeryEasy.Bramble-01", "Hard.Scythe-03"):
        assert state in text
    assert "…" not in text
    assert text.count("[0%, 79%]") >= 8
