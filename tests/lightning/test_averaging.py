"""With an average of weights, what is validated is what is kept, tested, reported and loaded."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
import torch
import yaml
from pytorch_lightning import Callback
from pytorch_lightning.callbacks import EMAWeightAveraging, ModelCheckpoint, WeightAveraging

from mk_lightning.cli.main import main
from mk_lightning.envs.config import EnvConfig
from mk_lightning.evaluation.evaluate import evaluate
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.utils.errors import UserError
from tests.learning.batches import random_batches
from tests.lightning.probe import BATCHES, Played, fit, new_module, new_trainer
from tests.networks.narrow import narrow
from tests.test_resume import CONFIG

AVERAGE = {"class_path": "pytorch_lightning.callbacks.EMAWeightAveraging", "init_args": {"decay": 0.9}}

pytestmark = pytest.mark.filterwarnings("ignore")


def weights(module) -> dict[str, torch.Tensor]:
    return {f"online.{name}": p.detach().clone() for name, p in module.online.named_parameters()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


class Watch(Callback):
    """Weights that learn and weights that play, at every validation; and those of the last test."""

    latest: ClassVar[Watch]

    def __init__(self) -> None:
        Watch.latest = self
        self.learning: dict[int, dict] = {}
        self.validated: dict[int, dict] = {}
        self.tested: dict = {}

    def on_train_batch_end(self, trainer, pl_module, *_: Any) -> None:
        self.learning[trainer.global_step] = weights(pl_module)

    def on_validation_batch_end(self, trainer, pl_module, *_: Any, **__: Any) -> None:
        self.validated[trainer.global_step] = weights(pl_module)

    def on_test_batch_end(self, trainer, pl_module, *_: Any, **__: Any) -> None:
        self.tested = weights(pl_module)


def moving_average(learning: dict[int, dict], step: int, decay: float) -> dict[str, torch.Tensor]:
    """In closed form: the first weights, and of all after them a share."""
    average = learning[1]
    for k in range(2, step + 1):
        average = {name: decay * old + (1 - decay) * learning[k][name] for name, old in average.items()}
    return average


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the command line with a moving average, and whom it watched."""
    folder = tmp_path_factory.mktemp("averaged") / "run"
    config = json.loads(json.dumps(CONFIG))
    config["trainer"]["callbacks"] = [AVERAGE, {"class_path": "tests.lightning.test_averaging.Watch"}]
    config["trainer"]["profiler"] = "simple"
    folder.with_suffix(".yaml").write_text(yaml.safe_dump(config))
    main(["fit", "-c", str(folder.with_suffix(".yaml")), "--run_dir", str(folder)])
    return folder, Watch.latest


def test_the_best_checkpoint_holds_the_average_that_was_validated(run):
    folder, watch = run
    best = torch.load(folder / "checkpoints" / "best.ckpt", weights_only=True)
    step = best["global_step"]
    assert best["state_dict"].keys() == watch.validated[step].keys()
    assert same(best["state_dict"], watch.validated[step])
    assert not same(best["state_dict"], watch.learning[step])
    for name, average in moving_average(watch.learning, step, decay=0.9).items():
        torch.testing.assert_close(best["state_dict"][name], average)
    assert not best.keys() & {"current_model_state", "averaging_state", "optimizer_states"}


def test_the_average_is_what_the_run_is_measured_by(run):
    folder, _ = run
    best, after = folder / "checkpoints" / "best.ckpt", Evaluation.read(folder / "after.json")
    assert after.policy == str(best)
    env: dict[str, Any] = dict(after.env)
    assert after.matches == evaluate(best, "dojo", after.groups, matches=1, env=EnvConfig(**env)).matches


def test_a_run_that_averaged_cannot_go_on_without(run, capsys):
    folder, _ = run
    last = str(folder / "checkpoints" / "last.ckpt")
    words = ["--trainer.callbacks=null", "--data.max_env_steps=480", "--ckpt_path", last]
    with pytest.raises(SystemExit):
        main(["fit", "-c", str(folder.with_suffix(".yaml")), *words])
    assert "the checkpoint's run averages its weights, this one does not" in capsys.readouterr().err


# -- a plain Trainer ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_weights_holds_the_average(tmp_path):
    saved = ModelCheckpoint(tmp_path, "w", monitor="val/return/all", mode="max", save_weights_only=True)
    watch = Watch()
    fit(tmp_path, WeightAveraging(), watch, saved, enable_checkpointing=True)
    kept = torch.load(tmp_path / "w.ckpt", weights_only=True)["state_dict"]
    assert same(kept, watch.validated[BATCHES])
    assert not same(kept, watch.learning[BATCHES])


def test_a_whole_checkpoint_holds_both(tmp_path):
    watch = Watch()
    saved = ModelCheckpoint(tmp_path, "a", monitor="val/return/all", mode="max")
    fit(tmp_path, WeightAveraging(), watch, saved, enable_checkpointing=True)
    checkpoint = torch.load(tmp_path / "a.ckpt", weights_only=True)
    assert same(watch.validated[BATCHES], checkpoint["state_dict"])
    assert same(watch.learning[BATCHES], checkpoint["current_model_state"])


def test_after_a_fit_the_weights_that_are_there_are_measured_and_loaded(tmp_path):
    """Lightning would put the average in their place, or those that were learning."""
    saved = ModelCheckpoint(tmp_path, "a", monitor="val/return/all", mode="max")
    watch = Watch()
    trained = fit(tmp_path, WeightAveraging(), watch, saved, enable_checkpointing=True)
    others = new_module(network=narrow(8))
    trained.trainer.validate(others, Played(), verbose=False)
    assert same(watch.validated[BATCHES], weights(new_module(network=narrow(8))))
    trained.trainer.test(others, Played(), ckpt_path=tmp_path / "a.ckpt", verbose=False, weights_only=True)
    assert same(watch.tested, torch.load(tmp_path / "a.ckpt", weights_only=True)["state_dict"])


def last(folder) -> ModelCheckpoint:
    return ModelCheckpoint(folder, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True)


def test_a_resumed_fit_learns_on_from_the_weights_that_learn(tmp_path):
    once = fit(tmp_path, EMAWeightAveraging(decay=0.9), last(tmp_path), max_epochs=2, enable_checkpointing=True)
    trainer = new_trainer(tmp_path, EMAWeightAveraging(decay=0.9), max_epochs=2)
    resumed = new_module()
    trainer.fit(resumed, Played(), ckpt_path=tmp_path / "epoch=0.ckpt", weights_only=True)
    assert trainer.global_step == 2 * BATCHES
    assert same(weights(resumed), weights(once.module))


def test_a_fit_that_averaged_cannot_go_on_without(tmp_path):
    fit(tmp_path, EMAWeightAveraging(), last(tmp_path), enable_checkpointing=True)
    with pytest.raises(UserError, match="averages its weights, this one does not: resume with the WeightAveraging"):
        new_trainer(tmp_path, max_epochs=2).fit(
            new_module(), random_batches(BATCHES), ckpt_path=tmp_path / "epoch=0.ckpt", weights_only=True
        )
