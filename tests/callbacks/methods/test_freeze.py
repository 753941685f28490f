from __future__ import annotations

import logging

import pytest
import torch
from pytorch_lightning.callbacks import Callback, EMAWeightAveraging, WeightAveraging
from torch.optim.swa_utils import get_ema_avg_fn, get_ema_multi_avg_fn

from mk_lightning.callbacks.methods.freeze import FreezeLayers
from mk_lightning.callbacks.methods.weight_decay import WeightDecay
from mk_lightning.experience.transition import Progress
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.lengths import Length
from tests.callbacks import tiny
from tests.learning.batches import ACTIONS, new_trainer, random_batches
from tests.networks.narrow import narrow


def adamw(parameters):
    return torch.optim.AdamW(parameters, weight_decay=0.5)


def new_module() -> DuelingDoubleDQN:
    torch.manual_seed(0)
    return DuelingDoubleDQN(num_actions=ACTIONS, network=narrow(8), learning_rate=1e-2, optimizer=adamw, target_every=2)


def changed(module, before) -> set[str]:
    return {name for name, p in module.online.named_parameters() if not torch.equal(p, before[name])}


@pytest.mark.parametrize(
    ("patterns", "frozen_groups"),
    [
        (["convolutions"], {"convolutions"}),
        (["convolutions", "features"], {"convolutions", "features"}),
        (["value.*", "advantage.weight", "advantage.bias"], {"value", "advantage"}),
    ],
)
def test_frozen_parameters_stay_bit_for_bit(tmp_path, patterns, frozen_groups):
    """Weight decay included; everything else learns."""
    module = new_module()
    before = {name: p.detach().clone() for name, p in module.online.named_parameters()}
    new_trainer(tmp_path, FreezeLayers(patterns)).fit(module, random_batches(4))
    assert changed(module, before) == {name for name in before if name.split(".")[0] not in frozen_groups}


def test_globs_name_single_parameters(tmp_path):
    module = new_module()
    before = {name: p.detach().clone() for name, p in module.online.named_parameters()}
    new_trainer(tmp_path, FreezeLayers(["convolutions.[01].*", "*.bias"])).fit(module, random_batches(2))
    assert changed(module, before) == {
        "convolutions.2.weight", "features.1.weight", "value.weight", "advantage.weight",
    }  # fmt: skip


def test_it_says_what_is_frozen(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="mk_lightning"):
        new_trainer(tmp_path, FreezeLayers(["value", "convolutions.0"])).fit(new_module(), random_batches(1))
    total = sum(p.numel() for p in new_module().online.parameters())
    line = (
        f"frozen: convolutions.0.bias, convolutions.0.weight, value.bias, value.weight (4,121 of {total:,} parameters)"
    )
    assert [r.getMessage() for r in caplog.records if "frozen" in r.getMessage()] == [line]


def test_a_resumed_run_freezes_the_same(tmp_path):
    """A run over two epochs equals one that is stopped between them."""
    results = []
    for stops in ((2,), (1, 2)):
        module, path = new_module(), None
        for epochs in stops:
            trainer = new_trainer(tmp_path, FreezeLayers(["features"]), epochs=epochs)
            module = new_module()
            trainer.fit(module, random_batches(3), ckpt_path=path, weights_only=True)
            path = tmp_path / f"{epochs}.ckpt"
            trainer.save_checkpoint(path)
        results.append({name: p.detach() for name, p in module.named_parameters()})
    assert all(torch.equal(results[0][name], results[1][name]) for name in results[0])


@pytest.mark.parametrize(
    ("pattern", "nearest"),
    [("convolution", "convolutions"), ("value.wieght", "value.weight"), ("q_net.0", None), ("online.value", "value")],
)
def test_a_pattern_that_matches_nothing_stops_the_run(tmp_path, pattern, nearest):
    module = new_module()
    with pytest.raises(UserError, match=f"pattern '{pattern}' matches no parameter") as error:
        new_trainer(tmp_path, FreezeLayers(["features", pattern])).fit(module, random_batches(1))
    assert "\n" not in str(error.value)
    assert (f"did you mean '{nearest}" if nearest else "valid: ") in str(error.value)


@pytest.mark.parametrize("patterns", [["*"], ["convolutions", "features", "value", "advantage"]])
def test_everything_frozen_is_refused(tmp_path, patterns):
    with pytest.raises(UserError, match="freeze every parameter; nothing could learn"):
        new_trainer(tmp_path, FreezeLayers(patterns)).fit(new_module(), random_batches(1))


def test_no_pattern_is_refused():
    with pytest.raises(UserError, match="patterns is empty"):
        FreezeLayers([])


def test_two_of_them_do_not_undo_each_other(tmp_path):
    module = new_module()
    before = {name: p.detach().clone() for name, p in module.online.named_parameters()}
    callbacks = FreezeLayers(["convolutions"]), FreezeLayers(["features"])
    new_trainer(tmp_path, *callbacks).fit(module, random_batches(2))
    assert {name.split(".")[0] for name in changed(module, before)} == {"value", "advantage"}


# -- hundreds of steps -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "beside"),
    [
        (adamw, None),
        (torch.optim.Adam, WeightDecay(0.5, "decoupled")),
        (torch.optim.Adam, WeightDecay(0.5, "l2", ["*"])),
        (torch.optim.Adam, WeightDecay(0.5, "l2_sp", ["*"])),
        (adamw, WeightAveraging()),
        (adamw, WeightAveraging(multi_avg_fn=get_ema_multi_avg_fn(0.99))),
    ],
    ids=["AdamW", "decoupled", "l2", "l2_sp", "mean of weights", "moving average of weights"],
)
def test_frozen_parameters_stay_bit_for_bit_for_hundreds_of_steps(tmp_path, optimizer, beside):
    module = tiny.Tiny(optimizer)
    before = tiny.weights_of(module.online)
    trainer = new_trainer(tmp_path, FreezeLayers(["convolutions", "features.1.weight"]), *([beside] if beside else []))
    trainer.fit(module, tiny.TinyBatches(250))
    assert trainer.global_step == 250
    assert tiny.changed(module.online, before) == {
        "features.1.bias", "value.weight", "value.bias", "advantage.weight", "advantage.bias",
    }  # fmt: skip


@pytest.mark.parametrize("average", [EMAWeightAveraging, lambda: WeightAveraging(avg_fn=get_ema_avg_fn(0.999))])
def test_an_average_that_would_change_frozen_weights_is_refused(tmp_path, average):
    weights = torch.randn(1000)
    assert not torch.equal(get_ema_avg_fn(0.999)(weights, weights, 1), weights), "the reason is gone"
    with pytest.raises(UserError, match=r"WeightAveraging with an avg_fn may change frozen weights"):
        new_trainer(tmp_path, FreezeLayers(["heads"]), average()).fit(new_module(), random_batches(1))


# -- unfreezing --------------------------------------------------------------------------------------------------------


class Tape(Callback):
    """At every learner_step: the parts that have a gradient and those that changed since the step before."""

    def __init__(self):
        self.gradients, self.changes = [], []

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.gradients.append({n.split(".")[0] for n, p in pl_module.online.named_parameters() if p.grad is not None})
        self.before = tiny.weights_of(pl_module.online)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.changes.append({name.split(".")[0] for name in tiny.changed(pl_module.online, self.before)})


def layer_by_layer(features: Length = 20, convolutions: Length = 40) -> FreezeLayers:
    return FreezeLayers(unfreeze_at={"features": features, "convolutions": convolutions})


HEADS = {"value", "advantage"}
STAGES = [HEADS, HEADS | {"features"}, HEADS | {"features"}, *[HEADS | {"features", "convolutions"}] * 3]


def test_layers_learn_from_their_env_steps_on(tmp_path, caplog):
    tape = Tape()
    with caplog.at_level(logging.INFO, logger="mk_lightning"):
        new_trainer(tmp_path, layer_by_layer(), tape).fit(
            tiny.Tiny(adamw), tiny.TinyBatches(6)
        )  # env_steps 10, 20, ...
    assert tape.gradients == tape.changes == STAGES
    assert [r.getMessage() for r in caplog.records if r.name.startswith("mk_lightning")] == [
        "frozen until 20 env_steps: features.1.bias, features.1.weight (36 of 76 parameters)",
        "frozen until 40 env_steps: convolutions.0.bias, convolutions.0.weight (20 of 76 parameters)",
        "unfrozen at 20 env_steps: features.1.bias, features.1.weight",
        "unfrozen at 40 env_steps: convolutions.0.bias, convolutions.0.weight",
    ]


def test_fractions_of_the_run_are_the_env_steps_that_they_come_to(tmp_path, caplog):
    tape, whole = Tape(), Tape()
    with caplog.at_level(logging.INFO, logger="mk_lightning"):
        new_trainer(tmp_path, layer_by_layer(0.2, 0.4), tape).fit(tiny.Tiny(adamw), tiny.TinyBatches(6))
        batches = tiny.TinyBatches(6, run_env_steps=200)
        new_trainer(tmp_path, layer_by_layer(0.1, 1.0), whole).fit(tiny.Tiny(adamw), batches)
    assert tape.changes == STAGES
    assert whole.changes == [HEADS, *[HEADS | {"features"}] * 5]
    assert "frozen until 0.4 of the run: convolutions.0.bias, convolutions.0.weight (20 of 76" in caplog.text


def test_every_parameter_is_in_the_optimizer_from_the_start(tmp_path):
    module, trainer = tiny.Tiny(adamw), new_trainer(tmp_path, layer_by_layer())
    trainer.fit(module, tiny.TinyBatches(1))
    (group,) = trainer.optimizers[0].param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in module.online.parameters()]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_resumed_run_unfreezes_as_if_it_had_not_been_stopped(tmp_path, stop):
    """Three epochs of two learner_steps at once, and in two parts; with the kind of optimizer that is the default."""
    results = []
    for stops in ((3,), (stop, 3)):
        path, tape = None, Tape()
        for epochs in stops:
            module = tiny.Tiny(lambda parameters: torch.optim.Adam(parameters, lr=1e-2, fused=True))
            batches, trainer = tiny.TinyBatches(2), new_trainer(tmp_path, layer_by_layer(), tape, epochs=epochs)
            batches.trainer = trainer
            trainer.fit(module, batches, ckpt_path=path, weights_only=True)
            path = tmp_path / f"{stop}-{epochs}.ckpt"
            trainer.save_checkpoint(path)
        assert tape.changes == STAGES
        results.append(tiny.weights_of(module.online))
    assert not tiny.changed(module.online, results[0])


def test_patterns_and_unfreeze_at_go_together(tmp_path):
    tape = Tape()
    freeze = FreezeLayers(["convolutions"], {"features": 20})
    new_trainer(tmp_path, freeze, tape).fit(tiny.Tiny(adamw), tiny.TinyBatches(5))
    assert tape.changes == [HEADS, *[HEADS | {"features"}] * 4]


def test_what_several_entries_match_waits_for_the_last():
    freeze = FreezeLayers(unfreeze_at={"features.1.*": 20, "*.weight": 0.4, "heads": 0})
    module = new_module()
    weights = {name for name, _ in module.online.named_parameters() if name.endswith(".weight")}
    frozen = [freeze.frozen_names(module, Progress(env_steps, 0, 100)) for env_steps in (0, 19, 20, 39, 40)]
    assert frozen == [weights | {"features.1.bias"}] * 2 + [weights] * 2 + [set()]


@pytest.mark.parametrize("order", [1, -1])
def test_one_callback_does_not_unfreeze_what_another_keeps(tmp_path, order):
    tape = Tape()
    callbacks = (
        FreezeLayers(unfreeze_at={"features": 20, "convolutions": 20}),
        FreezeLayers(["convolutions.0.weight"], {"features": 40}),
    )
    module = tiny.Tiny(adamw)
    new_trainer(tmp_path, *callbacks[::order], tape).fit(module, tiny.TinyBatches(5))
    assert tape.changes == [HEADS, *[HEADS | {"convolutions"}] * 2, *[HEADS | {"convolutions", "features"}] * 2]
    assert not module.online.convolutions[0].weight.requires_grad


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unfreeze_at": {"features": -1}}, "unfreeze_at of 'features' must be .* 0 or more, or .* got -1"),
        ({"unfreeze_at": {"features": 1.5}}, "unfreeze_at of 'features' must be .* at most 1.0, got 1.5"),
        ({"patterns": [], "unfreeze_at": {}}, "patterns is empty"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(UserError, match=message):
        FreezeLayers(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unfreeze_at": {"feature": 20}}, "pattern 'feature' matches no parameter; did you mean 'features'"),
        ({"patterns": ["re:*"]}, "'re:.' is no regular expression: nothing to repeat at position 0"),
        (
            {"patterns": ["convolutions"], "unfreeze_at": {"*.bias": 20}},
            "patterns would keep convolutions.0.bias frozen, unfreeze_at not",
        ),
        (
            {"patterns": ["heads"], "unfreeze_at": {"features": 20, "convolutions": 40}},
            r"\['heads', 'features', 'convolutions'\] freeze every parameter; nothing could learn at the start",
        ),
    ],
)
def test_refuses_when_it_sees_the_network(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        new_trainer(tmp_path, FreezeLayers(**options)).fit(new_module(), random_batches(1))
