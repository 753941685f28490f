"""Standard streams that are closed, or that nobody reads any more: every file is written as it should be."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from tests.test_resume import CONFIG

ROOT = Path(__file__).parents[2]
COMMAND = f"{shlex.quote(sys.executable)} -m mk_lightning"
LEFT_BY_A_FIT = {
    ".replay.lock",
    "after.csv", "after.json", "before.csv", "before.json", "before.mp4", "before_after.json", "before_after.txt",
    "checkpoints", "config.yaml", "evaluations.csv", "metrics.csv", "replay", "report.html", "tensorboard", ".lock",
}  # fmt: skip
MENDED = "from mk_lightning.cli.streams import mend_streams; mend_streams(); import os, sys; "


def shell(command: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash in a folder; a pipe's exit code is that of the first program that fails."""
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, text=True, check=False,  # noqa: S607
        stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )  # fmt: skip


def python(code: str, folder: Path, streams: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    return shell(f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} {streams}", folder, **variables)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a config and the run of it, whose output went to a program that read one line."""
    folder = tmp_path_factory.mktemp("streams")
    (folder / "c.yaml").write_text(yaml.safe_dump({**CONFIG, "trainer": {"accelerator": "cpu"}}))
    done = shell(f"{COMMAND} fit -c c.yaml --run_dir run 2>&1 | head -1", folder)
    (folder / "done").write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    return folder


def test_a_fit_whose_output_nobody_reads_writes_everything(folder: Path) -> None:
    code, out, err = json.loads((folder / "done").read_text())
    assert (code, err) == (0, "")
    assert out.startswith("run will take at most")
    assert {path.name for path in (folder / "run").iterdir()} == LEFT_BY_A_FIT


TOOLS = """
import json, sys
from mk_lightning.cli.main import main
codes = []
for words in sys.argv[1:]:
    try:
        codes.append(main(words.split()))
    except SystemExit as stop:
        codes.append(stop.code)
open("codes", "w").write(json.dumps(codes))
"""


def test_tools_whose_output_nobody_reads_do_their_work(folder: Path) -> None:
    """One after the other, in one process; a gate fails though nobody reads why."""
    after = json.loads((folder / "run/after.json").read_text())
    for name, won in (("better", True), ("worse", False)):
        content = {**after, "matches": [{**match, "won": won} for match in after["matches"]]}
        (folder / f"{name}.json").write_text(json.dumps(content))
    commands = {
        "states": None,
        "doctor": None,
        "fit --help": 0,
        "fit -c c.yaml --print_config": 0,
        "weak run/after.json --below 1": None,
        "compare run/before.json run/after.json --out page.html": None,
        "compare better.json worse.json --fail-if-worse 5": 1,
    }
    words = " ".join(shlex.quote(command) for command in commands)
    done = python(TOOLS, folder, f"{words} | (exec <&-; sleep 0.1)")
    assert (done.returncode, done.stderr) == (0, "")
    assert dict(zip(commands, json.loads((folder / "codes").read_text()), strict=True)) == commands
    assert "challenging_states" in (folder / "weak.yaml").read_text()
    assert "</html>" in (folder / "page.html").read_text()


def test_a_command_works_with_every_stream_closed(folder: Path, tmp_path: Path) -> None:
    done = shell(f"{COMMAND} test -c {folder}/c.yaml --run_dir run 0<&- 1>&- 2>&-", tmp_path)
    assert done.returncode == 0
    assert json.loads((tmp_path / "run-test/evaluation_epsilon_0.2.json").read_text())["epsilon"] == 0.2
    assert (tmp_path / "run-test/metrics.csv").read_text().count("\n") == 2


@pytest.mark.parametrize("closed", ["2>&-", "1>&-", "0<&-", "0<&- 1>&- 2>&-"])
def test_no_file_gets_the_number_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    code = (
        "file = open('file', 'w'); print('out'); sys.stderr.write('err'); os.write(1, b'raw'); sys.stdin.read();"
        "import subprocess; subprocess.run(['ls', '/proc/self/fd'], stdout=file)"
    )
    done = python(MENDED + code, tmp_path, closed)
    assert done.returncode == 0
    assert (tmp_path / "file").read_text().split()[:3] == ["0", "1", "2"], "nor does one of a child"


def test_a_terminal_that_is_closed_stops_nothing(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    code = "sys.stdin.readline(); [print('x' * 99, flush=True) for _ in range(3)]; open('done', 'w')"
    process = subprocess.Popen(
        [sys.executable, "-c", MENDED + code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=theirs, stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    os.close(ours)
    process.communicate(b"go\n", timeout=60)
    assert process.returncode == 0
    assert (tmp_path / "done").is_file()


def test_what_an_encoding_has_not_is_escaped(tmp_path: Path) -> None:
    done = python(MENDED + "print('±'); sys.stderr.write('é')", tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout, done.stderr) == (0, "\\xb1\n", "\\xe9")


def test_output_is_buffered_as_it_was(tmp_path: Path) -> None:
    code = "print(sys.stdout.line_buffering, sys.stdout.write_through, sys.stderr.line_buffering, sys.stdout.encoding)"
    assert python(MENDED + code, tmp_path).stdout == python(f"import sys; {code}", tmp_path).stdout
    unbuffered = python(MENDED + code, tmp_path, PYTHONUNBUFFERED="1").stdout
    assert unbuffered.split()[1] == "True"


def test_streams_that_somebody_put_there_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    main(["states"])
    assert (sys.stdout, sys.stderr) == before
    assert "40 states" in capsys.readouterr().out


REPORT = """
from pathlib import Path
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.report import write_report
run = Path("run")
before, after = (Evaluation.read(run / f"{when}.json") for when in ("before", "after"))
config = Path("config.yaml")
config.write_bytes("# caf\\u00e9".encode())
write_report(Path("page.html"), Comparison(before, after), [], metrics=run / "metrics.csv", config=config)
"""


def test_files_are_in_utf8_whatever_the_locale(folder: Path) -> None:
    done = python(REPORT, folder, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "# café" in (folder / "page.html").read_text(encoding="utf-8")


def test_a_deleted_working_directory_is_one_line(tmp_path: Path) -> None:
    done = shell(f"mkdir gone; cd gone; rmdir ../gone; {COMMAND} states", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "mk-lightning: error: the working directory has been deleted; go to one that is there\n"
