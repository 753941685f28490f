"""Elastic weight consolidation against its closed form; real Trainer and optimizer."""

from __future__ import annotations

import pytest
import torch

from mk_lightning.callbacks.methods.ewc import ElasticWeightConsolidation
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.memory import memory
from tests.callbacks.quadratic import Quadratic, train
from tests.commands import elsewhere

MAX_SAMPLES = min(1_000_000, memory() // 56_448)
"""Two observations of float32 each, as many as the machine's memory holds."""


def task(seed: int) -> dict[str, dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"weight": (2, 3), "bias": (2,)}
    return {
        "fisher": {name: torch.rand(shape, generator=generator) * 3 for name, shape in shapes.items()},
        "anchor": {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()},
    }


@pytest.fixture
def files(tmp_path):
    for seed in (0, 1):
        torch.save(task(seed), tmp_path / f"{seed}.pt")
    return [str(tmp_path / "0.pt"), str(tmp_path / "1.pt")]


def optimum(module: Quadratic, strength: float, tasks: list) -> dict[str, torch.Tensor]:
    """Where `curvature (w - wanted) + strength sum F (w - w*)` is zero."""
    return {
        name: (module.curvature * wanted + strength * sum(t["fisher"][name] * t["anchor"][name] for t in tasks))
        / (module.curvature + strength * sum(t["fisher"][name] for t in tasks))
        for name, wanted in module.wanted.items()
    }


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("options", [{}, {"accumulate_grad_batches": 3}])
def test_it_ends_at_the_analytic_optimum(files, tmp_path, count, options):
    module = Quadratic()
    ewc = ElasticWeightConsolidation(strength=2.0, files=files[:count], estimate=False)
    train(module, [ewc], 150, tmp_path, **options)
    expected = optimum(module, 2.0, [task(0), task(1)][:count])
    for name, p in module.online.named_parameters():
        torch.testing.assert_close(p.detach(), expected[name], rtol=1e-4, atol=1e-5)


class TwoRanks(Quadratic):
    """Each rank's loss has a minimum of its own, as its batches would; `wanted` lies half-way."""

    def training_step(self, batch, batch_idx):
        there = 1.0 if self.global_rank == 0 else -1.0
        away = [(p - self.wanted[name] - there).square().sum() for name, p in self.online.named_parameters()]
        return self.curvature / 2 * torch.stack(away).sum()


def on_two_ranks(files, folder):
    module = TwoRanks()
    ewc = ElasticWeightConsolidation(strength=2.0, files=files, estimate=False)
    train(module, [ewc], 150, folder, strategy="ddp_fork", devices=2, accumulate_grad_batches=2)
    expected = optimum(module, 2.0, [task(0), task(1)])
    for name, p in module.online.named_parameters():
        torch.testing.assert_close(p.detach(), expected[name], rtol=1e-4, atol=1e-5)
    (folder / "done").touch()


def test_two_ranks_end_at_the_same_optimum_as_one(files, tmp_path):
    """Forked from a process that has computed no gradient, for torch cannot once its threads run."""
    assert elsewhere(on_two_ranks, files, tmp_path) == 0
    assert (tmp_path / "done").is_file()


def test_online_keeps_one_decayed_sum_around_the_latest_weights(files, tmp_path):
    module = Quadratic()
    ewc = ElasticWeightConsolidation(strength=2.0, files=files, estimate=False, online_decay=0.5)
    train(module, [ewc], 150, tmp_path)
    old, new = task(0), task(1)
    merged = {"fisher": {n: 0.5 * old["fisher"][n] + f for n, f in new["fisher"].items()}, "anchor": new["anchor"]}
    expected = optimum(module, 2.0, [merged])
    for name, p in module.online.named_parameters():
        torch.testing.assert_close(p.detach(), expected[name], rtol=1e-4, atol=1e-5)


def test_tasks_that_pull_against_each_other_have_no_share_of_the_gradient(tmp_path):
    here, there = task(0), task(0)
    there["anchor"] = {name: -w for name, w in here["anchor"].items()}
    files = [str(tmp_path / "here.pt"), str(tmp_path / "there.pt")]
    for file, one in zip(files, (here, there), strict=True):
        torch.save(one, file)
    module = Quadratic(learning_rate=0.0)
    for p in module.online.parameters():
        p.data.zero_()
    ewc = ElasticWeightConsolidation(files=files, estimate=False)
    figures = train(module, [ewc], 1, tmp_path, log_every_n_steps=1).callback_metrics
    assert float(figures["ewc/gradient_share"]) < 1e-6
    expected = sum(
        float((t["fisher"][name] * w.square()).sum()) for t in (here, there) for name, w in t["anchor"].items()
    )
    assert float(figures["ewc/penalty"]) == pytest.approx(expected / 2)


def test_the_added_gradient_is_clipped_with_the_rest(files, tmp_path):
    module = Quadratic(learning_rate=1.0)
    ewc = ElasticWeightConsolidation(strength=1e6, files=files[:1], estimate=False)
    train(module, [ewc], 1, tmp_path, gradient_clip_val=0.5)
    moved = torch.cat([(p - module.start[name]).flatten() for name, p in module.online.named_parameters()])
    torch.testing.assert_close(moved.norm(), torch.tensor(0.5), rtol=1e-3, atol=0.0)


def test_frozen_weights_are_left_alone(files, tmp_path):
    module = Quadratic()
    module.online.bias.requires_grad_(False)
    train(module, [ElasticWeightConsolidation(strength=2.0, files=files, estimate=False)], 5, tmp_path)
    assert torch.equal(module.online.bias, module.start["bias"])
    assert not torch.equal(module.online.weight, module.start["weight"])


def test_it_goes_on_with_what_a_checkpoint_brought(files, tmp_path):
    ewc = ElasticWeightConsolidation(strength=2.0, files=files, estimate=False)
    train(Quadratic(), [ewc], 1, tmp_path)
    resumed = ElasticWeightConsolidation(strength=2.0, files=files[:1], estimate=False)
    resumed.load_state_dict(ewc.state_dict())
    module = Quadratic()
    train(module, [resumed], 150, tmp_path)
    for name, p in module.online.named_parameters():
        torch.testing.assert_close(p.detach(), optimum(module, 2.0, [task(0), task(1)])[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": 0.0}, "strength must be above 0, got 0.0"),
        ({"strength": float("nan")}, "strength must be above 0, got nan"),
        ({"samples": 0}, f"samples must be between 1 and {MAX_SAMPLES:,} env_steps, got 0"),
        ({"samples": MAX_SAMPLES + 1}, f"samples must be between 1 and {MAX_SAMPLES:,} env_steps, got"),
        ({"temperature": -1.0}, "temperature must be above 0, got -1.0"),
        ({"online_decay": 1.5}, "online_decay must be between 0 and 1, got 1.5"),
        ({"estimate": False}, "there is nothing to hold on to"),
        ({"files": ["nowhere/fisher.pt"]}, "no file nowhere/fisher.pt"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(UserError, match=message):
        ElasticWeightConsolidation(**arguments)


@pytest.mark.parametrize("content", [b"", b"not a file of torch's", None])
def test_a_file_that_is_no_fisher_information(content, tmp_path):
    file = tmp_path / "fisher.pt"
    file.write_bytes(content) if content is not None else torch.save([1, 2], file)
    ewc = ElasticWeightConsolidation(files=[str(file)], estimate=False)
    with pytest.raises(UserError, match=r"is not (a readable Fisher information|of this network)") as error:
        ewc.check(Quadratic(), ExperienceDataModule(original_states=["VeryEasy.Bramble-01"]), [ewc])
    assert "\n" not in str(error.value)


def test_a_file_of_another_network(tmp_path):
    other = task(0)
    other["fisher"]["weight"] = torch.zeros(5, 5)
    torch.save(other, tmp_path / "other.pt")
    ewc = ElasticWeightConsolidation(files=[str(tmp_path / "other.pt")], estimate=False)
    with pytest.raises(UserError, match="is not of this network"):
        train(Quadratic(), [ewc], 1, tmp_path)
