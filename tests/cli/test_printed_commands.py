"""Commands that are printed can be given to a shell as they are, whatever the directories are called."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path

import pytest
import yaml

from mk_lightning.checkpointing.run_directory import RunDirectory
from mk_lightning.cli.main import main
from mk_lightning.loggers.wandb_run import WandbRun
from mk_lightning.utils.errors import Interrupted, UserError
from mk_lightning.workflows.stopped import stopped
from tests.test_resume import CONFIG

NAME = "it's [red]a  :cat: run[/b] ü $HOME;"


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run in a directory of that name, and what it printed."""
    folder = tmp_path_factory.mktemp("printed") / NAME
    folder.mkdir(parents=True)
    (folder / "c c.yaml").write_text(yaml.safe_dump({**CONFIG, "trainer": {"accelerator": "cpu"}}))
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main(["fit", "-c", str(folder / "c c.yaml"), "--run_dir", str(folder / "run")])
    return folder / "run", printed.getvalue()


def words(text: str, command: str) -> list[str]:
    """The words of a command in a text, after the program's name."""
    match = re.search(rf"{command} (.*?)( goes on from there)?$", text, re.M)
    assert match, text
    return shlex.split(match[0].removesuffix(" goes on from there"))[1:]


def test_a_run_says_where_it_is(said: tuple[Path, str]) -> None:
    run, printed = said
    assert f"run: {run} (report.html;" in printed


def test_more_matches(said: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch, tmp_path: Path) -> None:
    run, printed = said
    given = words(printed, "mk-lightning test")
    assert given == [
        "test", "-c", f"{run}/config.yaml", "--ckpt_path", f"{run}/checkpoints/best.ckpt",
        "--data.evaluation.test_matches", "50",
    ]  # fmt: skip
    monkeypatch.chdir(tmp_path)
    main([*given[:-1], "2", "--run_dir", "here"])
    title = capsys.readouterr().out.partition("┏")[0]
    named = f"{run}/checkpoints/best.ckpt at epsilon 0.2 [Wilson 95 % interval]"
    assert "".join(title.split()) == "".join(named.split())


def test_how_a_stopped_run_goes_on(said: tuple[Path, str]) -> None:
    run, _ = said
    line = str(stopped(Interrupted(15, "training"), run))
    assert words(line, "mk-lightning fit") == [
        "fit", "-c", f"{run}/config.yaml", "--ckpt_path", f"{run}/checkpoints/last.ckpt"
    ]  # fmt: skip


def test_what_stands_in_for_a_checkpoint(said: tuple[Path, str]) -> None:
    run, _ = said
    best, damaged = run / "checkpoints/best.ckpt", run / "checkpoints/damaged.ckpt"
    with pytest.raises(UserError) as refused:
        RunDirectory.choose("fit", run, str(best))
    assert words(str(refused.value), "start one with --model.init_from") == [
        "one",
        "with",
        "--model.init_from",
        str(best),
    ]
    damaged.write_bytes(b"")
    with pytest.raises(UserError) as refused:
        RunDirectory.choose("fit", run, str(damaged))
    damaged.unlink()
    last = run / "checkpoints/last.ckpt"
    assert str(refused.value).endswith(f"the newest whole one is {last}: --ckpt_path {shlex.quote(str(last))}")


def test_where_to_upload_from(tmp_path: Path) -> None:
    run = WandbRun(project="p")
    run._folder = tmp_path / NAME
    assert shlex.split(run._sync_command)[-1] == f"{tmp_path / NAME}/wandb/offline-run-*"


def test_tools_name_files_as_they_are(said: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    run, _ = said
    page, weak, before, after = (run / name for name in ("p [x].html", "w [x].yaml", "before.json", "after.json"))
    main(["compare", str(before), str(after), "--out", str(page)])
    out = capsys.readouterr().out
    assert f"page: {page}" in out
    assert "".join(out.split()).startswith("".join(f"{run}/checkpoints/best.ckpt beside untrained: ".split()))
    main(["weak", str(after), "--below", "1", "--out", str(weak)])
    expected = f"{weak}: a further -c file for mk-lightning fit, which begins with {run}/checkpoints/best.ckpt"
    assert expected in capsys.readouterr().out
    command = words(weak.read_text().replace("`", "\n"), "mk-lightning weak")
    assert command == ["weak", str(after), "--below", "1"]
