"""What a shell completes, by the script that the program prints for it."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from mk_lightning.cli.main import main
from mk_lightning.cli.tools import TOOLS

TAB = """
source {script}
COMP_WORDS=({words})
COMP_CWORD={last}
_shtab_mk_lightning
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of bash."""
    path = tmp_path_factory.mktemp("completion") / "mk-lightning"
    with pytest.MonkeyPatch.context() as patch, path.open("w") as file:
        patch.setattr("sys.stdout", file)
        main(["completion", "bash"])
    return path


def completed(script: Path, line: str) -> list[str]:
    """What bash completes the last word of a line to, as at a TAB."""
    words = line.split(" ")
    code = TAB.format(script=shlex.quote(str(script)), words=shlex.join(words), last=len(words) - 1)
    shell = ["bash", "--norc", "-c", code]
    done = subprocess.run(shell, capture_output=True, text=True, check=True, cwd=script.parent)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("mk-lightning la", ["ladder"]),
        ("mk-lightning pre", ["predict"]),
        ("mk-lightning --ver", ["--version"]),
        ("mk-lightning fit -c dojo/fi", ["dojo/finetune"]),
        ("mk-lightning fit -c dojo/finetune -m clon", ["cloning"]),
        ("mk-lightning fit --config mk-l", ["mk-lightning"]),
        ("mk-lightning fit -c dojo/finetune --data.max_env", ["--data.max_env_steps"]),
        ("mk-lightning fit --at_", ["--at_once"]),
        ("mk-lightning test --ckpt_path be", ["best"]),
        ("mk-lightning test --ckpt_path checkpoints/dojo-b", ["checkpoints/dojo-base.ckpt"]),
        ("mk-lightning fit --model.init_from checkpoints/dojo-f", ["checkpoints/dojo-finetuned.ckpt"]),
        ("mk-lightning ladder -c dojo/fi", ["dojo/finetune"]),
        ("mk-lightning ladder --env_", ["--env_steps"]),
        ("mk-lightning export checkpoints/dojo-base.ckpt --to on", ["onnx"]),
        ("mk-lightning states box", ["boxing"]),
        ("mk-lightning weak mk", ["mk-lightning"]),
    ],
)
def test_bash(script: Path, line: str, found: list[str]) -> None:
    assert completed(script, line) == found


def test_every_command_is_offered(script: Path) -> None:
    assert set(completed(script, "mk-lightning ")) == {"fit", "validate", "test", "predict", *TOOLS}


def test_options_of_a_run_are_offered(script: Path) -> None:
    offered = set(completed(script, "mk-lightning fit -"))
    assert {"-c", "-m", "--ckpt_path", "--run_dir", "--trainer.accelerator", "--data.env.num_envs"} <= offered


def test_zsh_has_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    main(["completion", "zsh"])
    script = capsys.readouterr().out
    assert script.startswith("#compdef mk-lightning")
    assert "-->" not in script
    assert all(word in script for word in ("dojo/finetune", "--data.max_env_steps", "ladder"))


def test_another_shell_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["completion", "basch"])
    assert stop.value.code == 2
    assert "no shell 'basch'; valid: bash, zsh" in capsys.readouterr().err
