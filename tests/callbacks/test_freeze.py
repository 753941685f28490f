from __future__ import annotations

import logging

import pytest
import torch

from mk_lightning.callbacks import FreezeLayers
from mk_lightning.errors import UserError
from mk_lightning.learning.module import DuelingDoubleDQN
from tests.learning.batches import ACTIONS, new_trainer, random_batches


def adamw(parameters):
    return torch.optim.AdamW(parameters, weight_decay=0.5)


def new_module() -> DuelingDoubleDQN:
    torch.manual_seed(0)
    return DuelingDoubleDQN(num_actions=ACTIONS, hidden=8, learning_rate=1e-2, optimizer=adamw, target_every=2)


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
    new_trainer(tmp_path, FreezeLayers(["convolutions.[02].*", "*.bias"])).fit(module, random_batches(2))
    assert changed(module, before) == {
        "convolutions.4.weight", "features.1.weight", "value.weight", "advantage.weight",
    }  # fmt: skip


def test_it_says_what_is_frozen(tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="mk_lightning"):
        new_trainer(tmp_path, FreezeLayers(["value", "convolutions.0"])).fit(new_module(), random_batches(1))
    total = sum(p.numel() for p in new_module().online.parameters())
    line = (
        f"frozen: convolutions.0.bias, convolutions.0.weight, value.bias, value.weight (8,233 of {total:,} parameters)"
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
