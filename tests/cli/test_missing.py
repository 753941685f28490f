"""A checkpoint or a ROM that is missing: what is said of it, and who does not ask for it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.utils.files import find_file
from tests.cli.mistakes import Mistake, refuse
from tests.loggers import wandb_file
from tests.test_resume import CONFIG

MK2 = ["fit", "-c", "configs/mk2/finetune.yaml"]
DOJO = ["fit", "-c", "configs/dojo/finetune.yaml"]
BEST = "runs/mk2-pretrain/checkpoints/best.ckpt"
MADE = f"no checkpoint {BEST}; `mk-lightning fit -c configs/mk2/pretrain.yaml` makes it"
ROM = "MortalKombatII-Genesis-v0: its ROM is not imported: get 'Mortal Kombat II (Genesis)' (.md, sha1 af6d2db16f2b769"


def a_run(folder: Path) -> None:
    (folder / BEST).parent.mkdir(parents=True)
    (folder / BEST).with_name("last.ckpt").touch()


MISSING = {
    "checkpoint and ROM": Mistake(MK2, f"{MADE}; and {ROM}"),
    "a number, checkpoint and ROM": Mistake(
        [*MK2, "--data.env_steps_per_learner_step", "0"], "got 0\n"
    ),
    "ROM": Mistake([*MK2, "--model.init_from", "checkpoints/dojo-base.ckpt"], f"error: {ROM}"),
    "checkpoint": Mistake([*DOJO, "--model.init_from", BEST], f"{MADE}\n"),
    "checkpoint to test, and ROM": Mistake(["test", *MK2[1:], "--ckpt_path", BEST], f"{MADE}; and {ROM}"),
    "checkpoint to resume from": Mistake([*DOJO, "--ckpt_path", BEST], f"{MADE}\n"),
    "best": Mistake(
        ["predict", *DOJO[1:], "--ckpt_path", "best"],
        "no best.ckpt in runs/dojo-finetune/checkpoints; name the file or the run_dir; "
        "`mk-lightning fit -c configs/dojo/finetune.yaml` makes it\n",
    ),
    "a run that goes on": Mistake([*DOJO, "--model.init_from", BEST], f"{BEST}; there: last.ckpt\n", a_run),
    "a file that no run makes": Mistake([*DOJO, "--model.init_from", f"{BEST}.old"], f"no checkpoint {BEST}.old\n"),
    "a run of one's own": Mistake([*DOJO, "--model.init_from", "runs/a/checkpoints/best.ckpt"], "best.ckpt\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISSING)
def test_what_is_missing_is_named_and_who_makes_it(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MISSING[name].hint in refuse(MISSING[name], tmp_path, capfd, monkeypatch)


def test_an_absolute_path_is_known_too(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake = Mistake([*DOJO, "--model.init_from", str(tmp_path / BEST)], "")
    assert "`mk-lightning fit -c configs/mk2/pretrain.yaml` makes it\n" in refuse(mistake, tmp_path, capfd, monkeypatch)


@pytest.mark.parametrize("command", ["validate", "test", "predict"])
def test_a_checkpoint_that_is_played_needs_no_other(
    command: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = {"env.max_env_steps": 8, "evaluation.matches": 1, "evaluation.test_matches": 1, "evaluation.num_envs": 2}
    words = [f"--data.{name}={value}" for name, value in small.items()]
    main([command, *DOJO[1:], "--ckpt_path", "checkpoints/dojo-finetuned.ckpt", "--model.init_from", BEST, *words])
    assert not started_from(caplog)
    config = yaml.safe_load(Path(f"runs/dojo-finetune-{command}/config.yaml").read_text())
    assert config["model"]["init_from"] == BEST


def test_a_resumed_fit_needs_no_longer_what_it_started_from(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its config, on disk and in W&B, still says what that was."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    shutil.copy(find_file("checkpoints/dojo-base.ckpt"), "base.ckpt")
    config = {
        **CONFIG,
        "model": CONFIG["model"]
        | {"init_from": "base.ckpt", "network": {"class_path": "NatureDueling", "init_args": {"hidden": 512}}},
    }
    Path("tiny.yaml").write_text(yaml.safe_dump(config))
    words = ["fit", "-c", "tiny.yaml", "-c", "configs/logger/wandb.yaml", "--run_dir", "run"]
    main([*words, "--data.max_env_steps", "160"])
    assert started_from(caplog) == ["initialised from base.ckpt: 12 parameters matched"]
    caplog.clear()
    Path("base.ckpt").unlink()
    main([*words, "--ckpt_path", "last"])
    assert not started_from(caplog)
    assert not [record for record in caplog.records if record.levelname == "WARNING" and "W&B" in record.message]
    saved = yaml.safe_load(Path("run/config.yaml").read_text())
    assert saved["model"]["init_from"] == "base.ckpt"
    assert saved["ckpt_path"] is None, "or another run by this config would go on in this one's directory"
    first, second = map(wandb_file.finished, sorted(Path("run").glob("wandb/offline-run-*/*.wandb")))
    assert [wandb_file.config(part)["model"]["init_from"] for part in (first, second)] == ["base.ckpt"] * 2
    assert "base" in [artifact.name for artifact in wandb_file.of_kind(first, "artifact")], "lineage"


def started_from(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if message.startswith("initialised from")]
