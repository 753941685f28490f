"""Methods that cancel each other are refused before anything is played, with the reason."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
import torch
from pytorch_lightning.callbacks import EMAWeightAveraging

from mk_lightning.callbacks.methods.base import FineTuningMethod, check_methods
from mk_lightning.callbacks.methods.curriculum import Curriculum, Phase
from mk_lightning.callbacks.methods.distillation import Cloning, Kickstarting
from mk_lightning.callbacks.methods.ewc import ElasticWeightConsolidation
from mk_lightning.callbacks.methods.freeze import FreezeLayers
from mk_lightning.callbacks.methods.guard import ForgettingGuard
from mk_lightning.callbacks.methods.weakness import WeaknessTargeting
from mk_lightning.callbacks.methods.weight_decay import WeightDecay
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from tests.learning.batches import ACTIONS, new_trainer, random_batches
from tests.networks.narrow import narrow

ORIGINAL, CHALLENGING = ["VeryEasy.Bramble-01"], ["Medium.Heron-06"]


@pytest.fixture(scope="module")
def model() -> DuelingDoubleDQN:
    return DuelingDoubleDQN(network=narrow(8))


@pytest.fixture
def data() -> ExperienceDataModule:
    return ExperienceDataModule(original_states=ORIGINAL, challenging_states=CHALLENGING)


def curriculum() -> Curriculum:
    return Curriculum([Phase(["original"], env_steps=100), Phase(["challenging"])])


def test_what_goes_together_passes(model, data):
    together = [
        FreezeLayers(["convolutions"]),
        WeightDecay(0.1, patterns=["heads"]),
        WeightDecay(0.1, "l2_sp", ["features"]),
        ElasticWeightConsolidation(),
        Cloning(),
        Kickstarting(),
        curriculum(),
        ForgettingGuard(),
    ]
    assert check_methods(together, model, data) is None


def test_a_method_of_ones_own_is_checked_with_the_others(model, data):
    class Picky(FineTuningMethod):
        def check(self, pl_module, data, callbacks):
            super().check(pl_module, data, callbacks)
            raise UserError(f"Picky does not like {list(data.train_states)}")

    with pytest.raises(UserError, match="Picky does not like"):
        check_methods([Cloning(), Picky()], model, data)
    with pytest.raises(UserError, match="Picky is there twice"):
        check_methods([Picky(), Picky()], model, data)


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        ([Cloning(), Cloning()], "Cloning is there twice"),
        ([curriculum(), WeaknessTargeting()], "Curriculum and WeaknessTargeting both choose the training states"),
        ([WeightDecay(0.1), WeightDecay(0.2)], "advantage.weight decays twice"),
        ([WeightDecay(0.1), WeightDecay(0.2, "l2_sp")], "advantage.weight is pulled to two points"),
        (
            [FreezeLayers(["convolutions"]), WeightDecay(0.1, patterns=["convolutions"])],
            "FreezeLayers freezes all that would decay",
        ),
        ([FreezeLayers(["convolution"])], "did you mean 'convolutions'"),
        ([Curriculum([Phase(["Esy.*"], env_steps=9), Phase(["original"])])], "no state"),
        (
            [Curriculum([Phase(["original"], env_steps=196_000), Phase(["challenging"])])],
            "last phase could not begin before 196,000 env_steps, and the run ends at 196,000",
        ),
        (
            [FreezeLayers(["convolutions"]), FreezeLayers(unfreeze_at={"convolutions.0": 1000})],
            "convolutions.0.bias is to be unfrozen at 1,000 env_steps, and another FreezeLayers keeps it frozen",
        ),
        (
            [FreezeLayers(unfreeze_at={"features": 196_000})],
            "features would be unfrozen at 196,000 env_steps, and the run ends at 196,000",
        ),
        (
            [ForgettingGuard(action="restore"), EMAWeightAveraging()],
            "restore sets the weights, and an average of weights beside it would remember what they were",
        ),
        ([Kickstarting(batch_size=33)], "batch_size must be at most 32, what a batch has of the run's own play"),
    ],
)
def test_what_cancels_itself_is_refused(model, data, callbacks, message):
    with pytest.raises(UserError, match=message):
        check_methods(callbacks, model, data)


@pytest.mark.parametrize(("callback", "who"), [(Cloning(), "Cloning"), (ElasticWeightConsolidation(), "Elastic")])
def test_without_original_states_there_is_nothing_to_record(model, callback, who):
    data = ExperienceDataModule(challenging_states=CHALLENGING)
    with pytest.raises(
        UserError, match=f"{who}.* needs the base policy's play, but ExperienceDataModule.original_states is empty"
    ):
        check_methods([callback], model, data)


def test_a_layer_that_is_unfrozen_in_time_may_decay(model, data):
    freeze = FreezeLayers(unfreeze_at={"convolutions": 1000})
    assert check_methods([freeze, WeightDecay(0.1, patterns=["convolutions"])], model, data) is None


def test_weights_of_states_that_a_curriculum_would_drop_are_refused(model):
    weights = {"original": 1.0, "challenging": 2.0}
    data = ExperienceDataModule(original_states=ORIGINAL, challenging_states=CHALLENGING, train_states=weights)
    with pytest.raises(
        UserError, match=r"the phases' states take the place of ExperienceDataModule.train_states, whose weights"
    ):
        check_methods([curriculum()], model, data)


def test_a_phase_that_may_end_sooner_may_be_long(model, data):
    phases = [Phase(["original"], env_steps=10**6, win_rate=0.9), Phase(["challenging"])]
    assert check_methods([Curriculum(phases)], model, data) is None


def test_the_method_of_the_docs_works(tmp_path, monkeypatch):
    page = Path("docs/extend/method.md").read_text()
    code = re.search(r"```python\n(.*?)```", page, re.S)
    assert code is not None
    (tmp_path / "shrink.py").write_text(code[1])
    monkeypatch.syspath_prepend(tmp_path)
    ShrinkHeads = importlib.import_module("shrink").ShrinkHeads  # noqa: N806
    with pytest.raises(UserError, match="factor must be"):
        ShrinkHeads(2.0)
    module = DuelingDoubleDQN(num_actions=ACTIONS, network=narrow(8), learning_rate=0.0)
    heads = [module.online.get_parameter(f"{head}.weight") for head in ("value", "advantage")]
    before = [weight.detach().clone() for weight in heads]
    new_trainer(tmp_path, ShrinkHeads(0.5)).fit(module, random_batches(3))
    for old, new in zip(before, heads, strict=True):
        torch.testing.assert_close(new.detach(), old / 8)
