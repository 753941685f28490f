"""One call is the command line's run, bit for bit; each continues the other's."""

from __future__ import annotations

import logging
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.files import SHIPPED
from mk_lightning.workflows.recipe import config_files
from tests.test_parity import assert_equal, left

BASE = "checkpoints/dojo-base.ckpt"
CHALLENGING = ["VeryEasy.Heron-06", "VeryHard.Grapnel-07"]
TINY: dict[str, Any] = {
    "checkpoint": {"every_env_steps": 64},
    "model": {
        "learning_rate": {
            "class_path": "mk_lightning.Linear",
            "init_args": {"start": 3e-4, "end": 3e-5, "env_steps": 192},
        }
    },
    "data": {
        "epsilon": {"class_path": "mk_lightning.Linear", "init_args": {"start": 0.2, "end": 0.02, "env_steps": 128}},
        "max_env_steps": 192,
        "warmup_env_steps": 64,
        "env_steps_per_learner_step": 16,
        "replay": {"batch_size": 8},
        "recording": {"env_steps": 64},
        "env": {"num_envs": 4, "max_env_steps": 12, "frame_skip": 2},
        "evaluation": {"every": 96, "matches": 1, "test_matches": 1, "num_envs": 4},
    },
}
"""An overlay: two epochs of six learner_steps, matches cut off; lengths that a shorter run does not change."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(yaml.safe_dump(TINY))
    return tmp_path


class Tape(mk.RunLogger):
    """Keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    name, version = "tape", ""

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        pass

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        pass

    def begin(self, folder: Path, command: str, config: Any, *, resumed: bool = False) -> None:
        self.told.append((str(folder), command, config["data"]["max_env_steps"], resumed))

    def use_checkpoint(self, path: Path) -> None:
        self.told.append(path.name)

    def log_outcome(self, comparison: Any, checkpoint: Path | None, films: Any) -> None:
        self.told.append(checkpoint)

    def end(self) -> str | None:
        self.told.append("end")
        return None


def by_call(env_steps: int, **options: Any) -> mk.FineTuned:
    recipe = ["recommended", "tiny.yaml"]
    return mk.finetune(BASE, challenging=CHALLENGING, recipe=recipe, env_steps=env_steps, run_dir="run", **options)


def by_command(env_steps: int, *words: str) -> None:
    configs = [f"configs/dojo/{name}.yaml" for name in ("finetune", "recommended")]
    given = [word for config in (*configs, "tiny.yaml") for word in ("-c", config)]
    given += ["--run_dir=run", "--trainer.logger=false", f"--data.challenging_states={CHALLENGING}"]
    main(["fit", *given, f"--data.max_env_steps={env_steps}", *words])


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("commanded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("tiny.yaml").write_text(yaml.safe_dump(TINY))
        by_command(192)
    return left(folder)


def test_call_is_the_command(
    commanded: dict[str, Any],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.setenv("RANK", "1")  # Lightning's loggers would write nothing
    lightning, tape = logging.getLogger("pytorch_lightning"), Tape()
    level = lightning.level
    result = by_call(192, loggers=[tape])
    assert (os.environ["RANK"], lightning.level) == ("1", level)
    said = [str(warning.message) for warning in recwarn if "lightning" in warning.filename]
    assert [line for line in said if "smaller than the logging interval" not in line] == []  # that one is of a tiny run
    assert not [record for record in caplog.records if record.name.startswith(("pytorch_lightning", "lightning"))]
    assert list(Path("run/tensorboard").iterdir())
    assert tape.told == [("run", "fit", 192, False), "dojo-base.ckpt", result.checkpoint, "end"]
    assert_equal(left(folder), commanded)
    assert result.run_dir == Path("run")
    assert result.checkpoint == Path("run/checkpoints/best.ckpt")
    assert result.comparison.before.policy == BASE
    assert list(result.comparison.before.groups["challenging"]) == CHALLENGING
    assert result.table().row_count == 8
    assert "</html>" in result.report().read_text()
    for other, complaint in (
        (
            {"challenging": ["VeryHard.Kestrel-05", *CHALLENGING]},
            "ExperienceDataModule.challenging_states of the checkpoint is",
        ),
        ({"seed": 2}, "seed_everything of the checkpoint is 1"),
        ({"checkpoint": "checkpoints/dojo-finetuned.ckpt"}, f"run began with {BASE}, not with checkpoints/dojo-fine"),
    ):
        given: dict[str, Any] = {
            "checkpoint": BASE,
            "challenging": CHALLENGING,
            "env_steps": 192,
            "run_dir": "run",
        } | other
        with pytest.raises(mk.UserError, match=complaint):
            mk.finetune(**given, recipe=["recommended", "tiny.yaml"], resume=True)
    saved = (result.run_dir / "config.yaml").read_text()
    with pytest.raises(
        mk.UserError, match=r"run was fine-tuned with WeaknessTargeting, Cloning, ForgettingGuard, which"
    ):
        mk.finetune(BASE, challenging=CHALLENGING, recipe="tiny.yaml", run_dir="run", env_steps=384, resume=True)
    assert (result.run_dir / "config.yaml").read_text() == saved
    again = by_call(192, resume=True)
    assert again.comparison.after == result.comparison.after
    assert sorted(path.name for path in folder.iterdir()) == ["run", "tiny.yaml"]
    config = yaml.safe_load(Path("run/config.yaml").read_text())
    assert config["data"]["challenging_states"] == CHALLENGING
    assert config["model"]["init_from"] == BASE
    words = ["--trainer.callbacks=null", "--monitor=val/win_rate/all", "--data.max_env_steps=384"]
    main(["fit", "-c", "run/config.yaml", "--ckpt_path=last", *words])
    assert "last.ckpt has WeaknessTargeting, Cloning, ForgettingGuard, " in caplog.text
    assert "this config has not: the run goes on without" in caplog.text


def test_a_signal_while_matches_are_played_stops_the_run_as_documented() -> None:
    class Stops(Tape):
        def log_metrics(self, *args: Any, **kwargs: Any) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(mk.RunStopped, match=r"^SIGTERM while measuring the policy; nothing was saved yet") as stop:
        by_call(96, loggers=[Stops()])
    assert stop.value.exit_code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == handler


@pytest.mark.parametrize("first", ["call", "command"])
def test_either_resumes_the_other_s(first: str, commanded: dict[str, Any], folder: Path) -> None:
    if first == "call":
        by_call(96)
        main(["fit", "-c", "run/config.yaml", "--ckpt_path=last", "--data.max_env_steps=192", "--trainer.logger=false"])
    else:
        by_command(96)
        by_call(192, resume=True)
    assert_equal(left(folder), commanded)


def test_more_env_steps_extend_a_run_by_epochs_as_long_as_it_had() -> None:
    evaluation = TINY["data"]["evaluation"] | {"every": 0.5}
    Path("tiny.yaml").write_text(yaml.safe_dump(TINY | {"data": TINY["data"] | {"evaluation": evaluation}}))
    by_call(96)
    result = by_call(200, resume=True)
    last = read_checkpoint(result.run_dir / "checkpoints/last.ckpt")
    assert last["env_steps"] == 64 + 192
    assert last["ExperienceDataModule"]["common"]["data.evaluation.every"] == 48


def test_a_game_has_its_own_recipes() -> None:
    files = config_files("mk2", ["ewc"], states_given=False)
    assert [str(file.relative_to(SHIPPED)) for file in files] == ["configs/mk2/finetune.yaml", "configs/mk2/ewc.yaml"]


def test_a_user_s_game_takes_the_dojo_s_recipes_and_needs_states() -> None:
    dojo = Path(mk.__file__).parent / "games/dojo/game.yaml"
    own = Path("games/own/game.yaml")
    shutil.copytree(dojo.parent, own.parent)
    own.write_text(dojo.read_text().replace("Dojo-Genesis-v0", "Own-Genesis-v0").replace("aliases: [dojo]", ""))
    files = config_files(str(own), ["ewc"], states_given=True)
    assert [str(file.relative_to(SHIPPED)) for file in files] == ["configs/dojo/finetune.yaml", "configs/dojo/ewc.yaml"]
    with pytest.raises(mk.UserError, match="Own-Genesis-v0 has no recipes of its own: name its states"):
        mk.finetune(BASE, str(own), challenging=CHALLENGING)


STOPPING = {"class_path": "pytorch_lightning.callbacks.EarlyStopping", "init_args": {"monitor": "val/win_rate/all"}}
MISTAKEN: dict[str, Any] = {
    "unknown": {"data": {"epsilom": 0.1}},
    "section": {"modle": {"q_limit": 1.0}},
    "empty": {"data": {"reward_scale": None}},
    "linked": {"trainer": {"max_epochs": 7}},
    "elsewhere": {"ckpt_path": "x.ckpt"},
    "devices": {"trainer": {"devices": 2}},
    "twice": {"trainer": {"callbacks": [STOPPING, STOPPING]}},
    "clipping": {"trainer": {"gradient_clip_algorithm": "sideways"}},
}
"""Recipes."""


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"recipe": "recomended"}, "no recipe 'recomended' for Dojo-Genesis-v0; did you mean 'recommended'?"),
        ({"recipe": ["ewc", "nowhere.yaml"]}, "no recipe file nowhere.yaml"),
        ({"recipe": {"data": {}}}, "recipe must be a name, a file or several, got a dict; write it to a file"),
        ({"recipe": "unknown.yaml"}, "no key data.epsilom in the config; did you mean 'data.epsilon'?"),
        ({"recipe": "section.yaml"}, "no key modle.q_limit in the config; did you mean 'model'?"),
        ({"recipe": "empty.yaml"}, "empty.yaml: data.reward_scale is empty; give it a value, or leave the key out"),
        ({"recipe": "linked.yaml"}, "linked.yaml: trainer.max_epochs follows from data.max_env_steps; leave it out"),
        ({"recipe": "elsewhere.yaml"}, "ckpt_path x.ckpt has no place in a recipe: resume=True continues a run"),
        ({"recipe": "devices.yaml"}, "trainer.strategy must be ddp for 2 ranks"),
        ({"recipe": "twice.yaml"}, "trainer.callbacks: two are alike (EarlyStopping"),
        ({"recipe": "clipping.yaml"}, "trainer: `gradient_clip_algorithm` sideways is invalid"),
        ({"game": "dojoo"}, "dojoo"),
        ({"challenging": "VeryHard.Nobody"}, "VeryHard.Nobody"),
        ({"original": CHALLENGING, "challenging": CHALLENGING}, "is both in"),
        ({"env_steps": 0}, "max_env_steps must be between 1 and"),
        ({"env_steps": "many"}, "data.max_env_steps must be a whole number, got many"),
        ({"checkpoint": "nowhere.ckpt"}, "no checkpoint nowhere.ckpt"),
        ({"run_dir": ""}, "run_dir must name a directory"),
        ({"seed": -1}, "seed"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_leaves_nothing(options: dict[str, Any], complaint: str, folder: Path) -> None:
    for name, recipe in MISTAKEN.items():
        Path(f"{name}.yaml").write_text(yaml.safe_dump(recipe))
    before = sorted(folder.iterdir())
    with pytest.raises(mk.UserError, match=re.escape(complaint)) as error:
        mk.finetune(**{"checkpoint": BASE, "run_dir": "run"} | options)
    assert "\n" not in str(error.value)
    assert sorted(folder.iterdir()) == before
