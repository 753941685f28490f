"""Networks that `torch.compile` makes faster learn the same, and their checkpoints are anybody's."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.utils.network_copies import bare_copy
from tests.learning.batches import random_batch, random_batches
from tests.lightning.probe import fit, new_module, new_trainer

pytestmark = pytest.mark.filterwarnings("ignore")

BATCHES = 3


def learn(module, folder, epochs: int = 1, **options):
    trainer = new_trainer(folder, max_epochs=epochs)
    trainer.fit(module, random_batches(BATCHES), weights_only=True, **options)
    return trainer


def by_user(module: DuelingDoubleDQN) -> DuelingDoubleDQN:
    module.online = torch.compile(module.online, backend="eager")  # type: ignore[assignment]
    return module


@pytest.fixture
def checkpoints(tmp_path):
    """Of the same fit: as it is, and with a network that the user compiled; whole, and weights alone."""
    paths = {}
    for name, module in {"plain": new_module(), "compiled": by_user(new_module())}.items():
        trainer = learn(module, tmp_path)
        for kind in ("whole", "weights"):
            paths[name, kind] = tmp_path / f"{name}-{kind}.ckpt"
            trainer.save_checkpoint(paths[name, kind], weights_only=kind == "weights")
    return paths


def test_a_user_s_compiled_network_has_checkpoints_like_any_other(checkpoints, tmp_path):
    for kind in ("whole", "weights"):
        plain, compiled = (torch.load(checkpoints[name, kind], weights_only=True) for name in ("plain", "compiled"))
        assert plain["state_dict"].keys() == compiled["state_dict"].keys()
        assert all(torch.equal(plain["state_dict"][name], compiled["state_dict"][name]) for name in plain["state_dict"])
        module = DuelingDoubleDQN.load_from_checkpoint(checkpoints["compiled", kind])
        assert torch.equal(module.online.get_parameter("value.weight"), compiled["state_dict"]["online.value.weight"])


@pytest.mark.parametrize(("saved", "make"), [("compiled", new_module), ("plain", lambda: by_user(new_module()))])
def test_one_resumes_the_other(saved, make, checkpoints, tmp_path):
    straight, resumed = new_module(), make()
    learn(straight, tmp_path, epochs=2)
    trainer = learn(resumed, tmp_path, epochs=2, ckpt_path=checkpoints[saved, "whole"])
    assert trainer.global_step == 2 * BATCHES
    assert all(map(torch.equal, straight.parameters(), resumed.parameters()))


def test_a_compiled_module_can_be_fitted_and_saved(tmp_path):
    module = new_module()
    trainer = learn(torch.compile(module, backend="eager"), tmp_path)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    saved = torch.load(tmp_path / "a.ckpt", weights_only=True)["state_dict"]
    assert saved.keys() == new_module().state_dict().keys()


# -- model.compile -----------------------------------------------------------------------------------------------------


def test_model_compile_learns_the_same_resumes_exactly_and_plays_as_it_was(tmp_path):
    """In one test, for to compile takes half a minute."""
    plain, compiled = new_module(), new_module(compile=True)
    learn(plain, tmp_path, epochs=2)
    trainer = learn(compiled, tmp_path, epochs=1)
    graphs = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    assert graphs >= 3, "with and without gradient, and the target network's"
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    assert torch.load(tmp_path / "a.ckpt", weights_only=True)["state_dict"].keys() == plain.state_dict().keys()
    straight, resumed = new_module(compile=True), new_module(compile=True)
    learn(straight, tmp_path, epochs=2)
    learn(resumed, tmp_path, epochs=2, ckpt_path=tmp_path / "a.ckpt")
    assert all(map(torch.equal, straight.parameters(), resumed.parameters()))
    for one, other in zip(straight.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
    policy = GreedyPolicy(straight.online)
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    stacks = random_batch(0, size=7).transition.s_tm1.numpy()
    actions = [policy(stacks[:size]) for size in (1, 2, 3, 7)]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == before
    assert np.array_equal(actions[-1], GreedyPolicy(bare_copy(straight.online))(stacks))


def test_without_a_compiler_one_line_says_so(tmp_path):
    asked = "import torch, mk_lightning.networks.compiled as c; c.check_compiler(torch.device('cpu'))"
    environment = os.environ | {"CXX": "/nowhere", "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=False)
    line = done.stderr.splitlines()[-1]
    assert line.startswith(
        "mk_lightning.utils.errors.UserError: DuelingDoubleDQN.compile: torch cannot compile for cpu here ("
    )
    assert "install a C++ compiler, such as g++, or leave it out" in line


# -- export ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["script", "trace"])
def test_to_torchscript_gives_the_same_q_values(method, tmp_path):
    module = fit(tmp_path).module
    observations = random_batch(0, size=3).transition.s_tm1
    q_values = module(observations)
    assert torch.equal(q_values, module.online(observations))
    assert q_values.shape == (3, 5)
    module.to_torchscript(tmp_path / "q.pt", method=method, example_inputs=observations if method == "trace" else None)
    loaded = torch.jit.load(tmp_path / "q.pt")
    assert torch.equal(loaded(observations), q_values)
    assert torch.equal(loaded(observations[:1]), module(observations[:1]))


def test_torch_export_gives_the_same_q_values():
    module, observations = new_module(), random_batch(0, size=3).transition.s_tm1
    assert torch.equal(torch.export.export(module, (observations,)).module()(observations), module(observations))
