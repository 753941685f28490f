"""An exported agent says of observations what it says here, in every format; and comes back the same."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import pytest
import torch
from stable_baselines3 import DQN
from torch import nn

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.networks.base import pixels
from mk_lightning.networks.checkpoint import load_network, read_checkpoint
from mk_lightning.utils.errors import UserError
from tests.fuzzing import one_line
from tests.networks.sb3_agents import KINDS, agent, assert_same_values, observations, q_values, saved
from tests.networks.test_sb3_zip import torch_saved

BASE = "checkpoints/dojo-base.ckpt"
STACKS = observations()


class Linear(mk.QNetwork):
    """A network of one's own."""

    def __init__(self, num_actions: int) -> None:
        super().__init__(num_actions)
        self.head = nn.Linear(4 * 14 * 14, num_actions)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        q_values: torch.Tensor = self.head(pixels(observations, self.head.weight)[:, :, ::6, ::6].flatten(1))
        return q_values


NETWORKS: dict[str, Any] = {
    "NatureDueling": partial(mk.NatureDueling, hidden=32),
    "SmallDueling": partial(mk.SmallDueling, hidden=16),
    "ImpalaDueling": partial(mk.ImpalaDueling, width=1, hidden=16),
    "one's own": Linear,
}
networks = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def base() -> mk.DuelingDoubleDQN:
    """The shipped fighter, in learning units of 20 game units, which its own file does not say."""
    module = mk.DuelingDoubleDQN.load_from_checkpoint(BASE)
    module.reward_scale = 20.0
    return module


@pytest.fixture(scope="module")
def values(base: mk.DuelingDoubleDQN) -> torch.Tensor:
    return q_values(base.online, STACKS)


def test_stable_baselines3_loads_it_as_a_plain_dqn(base: Any, values: torch.Tensor, tmp_path: Path) -> None:
    assert mk.export(base, tmp_path / "model.zip", "sb3") == tmp_path / "model.zip"
    theirs = DQN.load(tmp_path / "model.zip")
    assert theirs.num_timesteps == base.env_steps == 368_000
    for network in (theirs.q_net, theirs.q_net_target):
        assert_same_values(q_values(network, STACKS), 20 * values)
    back = mk.DuelingDoubleDQN(init_from=str(tmp_path / "model.zip"), init_reward_scale=20)
    assert_same_values(q_values(back.online, STACKS), values)


def test_an_agent_that_notes_no_unit_is_given_one_or_a_warning(
    base: Any, values: torch.Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scaled = mk.export(BASE, tmp_path / "scaled.zip", "sb3", reward_scale=20)
    assert caplog.messages == []
    assert_same_values(q_values(DQN.load(scaled).q_net, STACKS), 20 * values)
    mk.export(base, tmp_path / "same.zip", "sb3", reward_scale=20)
    with pytest.raises(UserError, match="notes a reward_scale of 20, got 5; leave it out"):
        mk.export(base, tmp_path / "other.zip", "sb3", reward_scale=5)
    assert not (tmp_path / "other.zip").exists()
    plain = mk.export(BASE, tmp_path / "plain.zip", "sb3")
    assert_same_values(q_values(DQN.load(plain).q_net, STACKS), values)
    assert caplog.messages == [
        f"{BASE} does not say how many game units a learning unit is: the Q-values in {plain} are in learning units; "
        "export with `--reward_scale`, data.reward_scale of the run that trained it"
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_zip_comes_in_and_goes_out_again(kind: str, tmp_path: Path) -> None:
    path, theirs = saved(tmp_path, kind)
    theirs.policy.optimizer.step()
    other = agent(kind)
    other.num_timesteps = 77
    other.policy.optimizer.zero_grad()
    other.q_net(STACKS[:2]).sum().backward()
    other.policy.optimizer.step()
    other.save(tmp_path / "template.zip")
    main(["export", str(path), "--to", "sb3", str(tmp_path / "o.zip"), "--template", str(tmp_path / "template.zip")])
    again = type(theirs).load(tmp_path / "o.zip")
    wanted = q_values(theirs.q_net, STACKS)
    assert type(again.policy) is type(theirs.policy)
    assert again.num_timesteps == 77
    assert again.policy.optimizer.state_dict()["state"] == {}, "moments of other weights"
    assert_same_values(q_values(again.q_net, STACKS), wanted)
    assert_same_values(q_values(again.q_net_target, STACKS), wanted)
    assert_same_values(q_values(load_network(tmp_path / "o.zip"), STACKS), wanted)


@networks
def test_onnx_runs_in_batches_of_any_size(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    network = NETWORKS[name](26)
    mk.export(network, tmp_path / "a.onnx", "onnx")
    assert capfd.readouterr().err == ""
    model = onnx.load(tmp_path / "a.onnx")
    onnx.checker.check_model(model)
    (about,) = model.metadata_props
    assert json.loads(about.value)["network"]["num_actions"] == 26
    assert b".py" not in (tmp_path / "a.onnx").read_bytes(), "where it was made"
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx", providers=["CPUExecutionProvider"])
    for stacks in (STACKS[:1], STACKS[:33], STACKS if name == "NatureDueling" else STACKS[:100]):
        (found,) = session.run(["q_values"], {"observations": stacks.numpy()})
        assert_same_values(torch.from_numpy(found), q_values(network, stacks))


@networks
def test_torchscript_runs_in_batches_of_any_size(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name](26)
    path = mk.export(network, tmp_path / "a.pt", "torchscript")
    about = {"config.json": ""}
    script = torch.jit.load(path, _extra_files=about)
    assert json.loads(about["config.json"])["network"]["num_actions"] == 26
    for stacks in (STACKS[:1], STACKS[:33], STACKS if name == "NatureDueling" else STACKS[:100]):
        assert_same_values(q_values(script, stacks), q_values(network, stacks))


def test_safetensors_are_a_checkpoint(base: Any, values: torch.Tensor, tmp_path: Path) -> None:
    path = mk.export(base, tmp_path / "a.safetensors", "safetensors")
    assert read_checkpoint(path)["network"] == {"class": "mk_lightning.NatureDueling", "num_actions": 26, "hidden": 512}
    module = mk.DuelingDoubleDQN(init_from=str(path), init_reward_scale=3)
    assert module.reward_scale == 20.0, "it says its own"
    assert torch.equal(q_values(module.online, STACKS), values)
    evaluation = mk.evaluate(path, "dojo", ["VeryEasy.Bramble-01"], matches=1, env=mk.EnvConfig(max_env_steps=20))
    assert evaluation.policy == str(path)


@networks
def test_every_network_of_the_package_comes_back_from_safetensors(name: str, tmp_path: Path) -> None:
    network = NETWORKS[name](26)
    path = mk.export(network, tmp_path / "a.safetensors", "safetensors")
    if name == "one's own":
        with pytest.raises(UserError, match="a network of another's making, Linear"):
            load_network(path)
    back = mk.DuelingDoubleDQN.load_from_checkpoint(path, network=NETWORKS[name]).online
    assert torch.equal(q_values(back, STACKS[:9]), q_values(network, STACKS[:9]))


REFUSED: dict[str, tuple[list[str], str]] = {
    "format": (["--to", "onix", "out"], "no such format; did you mean 'onnx'?"),
    "no format": (["out"], "export: the following arguments are required: --to"),
    "template of onnx": (["--to", "onnx", "out", "--template", "t.zip"], "template is for sb3, not for onnx"),
    "scale of onnx": (["--to", "onnx", "out", "--reward_scale", "20"], "reward_scale is for sb3, not for onnx"),
    "no scale": (["--to", "sb3", "out", "--reward_scale", "0"], "reward_scale must be above 0, got 0"),
    "a scale that is no number": (["--to", "sb3", "out", "--reward_scale", "x"], "invalid float value: 'x'"),
    "a scale beyond all": (["--to", "sb3", "out", "--reward_scale", "1e300"], "of 1e+300 is beyond floating point"),
    "template without moments": (["--to", "sb3", "out", "--template", "odd.zip"], "is not the state of an optimizer"),
    "film of sb3": (["--to", "sb3", "out", "--film", "f.mp4"], "film is for hub, not for sb3"),
    "no template": (["--to", "sb3", "out", "--template", "t.zip"], "no checkpoint t.zip"),
    "template of another width": (["--to", "sb3", "out", "--template", "p256.zip"], "26 actions and 256 hidden units"),
    "a name that no reader knows": (["--to", "safetensors", "out.bin"], "file ends in .safetensors, by which it is"),
    "no folder": (["--to", "onnx", "nowhere/out"], "nowhere is no directory that can be written to"),
    "over its source": (["--to", "onnx", "base.ckpt"], "would replace what is read from there"),
    "a folder that is used": (["--to", "hub", "used"], "is there and not empty; name a new folder"),
    "a film that is none": (["--to", "hub", "out", "--film", "f.gif"], "film must be an .mp4"),
    "a film of something else": (["--to", "hub", "out", "--film", "text.mp4"], "the film text.mp4 is no MP4"),
    "no film": (["--to", "hub", "out", "--film", "f.mp4"], "cannot read the film f.mp4"),
    "no evaluation": (["--to", "hub", "out", "--evaluation", "e.json"], "cannot read e.json"),
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, base: Any) -> Path:
    folder = tmp_path_factory.mktemp("refused")
    saved(folder, "DQN of 256 features")[0].rename(folder / "p256.zip")
    with zipfile.ZipFile(saved(folder)[0]) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (folder / "model.zip").unlink()
    with zipfile.ZipFile(folder / "odd.zip", "w") as archive:
        for name, raw in (parts | {"policy.optimizer.pth": torch_saved([1])}).items():
            archive.writestr(name, raw)
    content = {"state_dict": {f"online.{k}": v for k, v in base.online.state_dict().items()}, "env_steps": 1}
    torch.save(content | {"network": {"num_actions": 26, "hidden": 512}}, folder / "base.ckpt")
    (folder / "used").mkdir()
    (folder / "used/x").touch()
    (folder / "text.mp4").write_text("no film")
    return folder


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_exported_is_a_line_and_leaves_nothing(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    words, hint = REFUSED[name]
    with pytest.raises(SystemExit) as stop:
        main(["export", "base.ckpt", *words])
    assert stop.value.code == 2
    said = capsys.readouterr().err.strip()
    assert hint in said
    assert said.count("\n") == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "base.ckpt", "odd.zip", "p256.zip", "text.mp4", "used"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "package", "command"),
    [
        ("onnx", "onnx", "pip install 'mk-lightning[export]'"),
        ("onnx", "onnxscript", "pip install 'mk-lightning[export]'"),
        ("safetensors", "safetensors", "pip install 'mk-lightning[export]'"),
        ("hub", "safetensors", "pip install 'mk-lightning[export]'"),
        ("sb3", "stable_baselines3", "pip install 'stable-baselines3'"),
    ],
)
def test_a_package_that_is_missing_is_named_with_its_command(
    to: str, package: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.torch", None)
    with pytest.raises(UserError) as refused:
        mk.export(mk.NatureDueling(3, hidden=2), tmp_path / "out.safetensors", to)
    assert str(refused.value).endswith(f"needs {package}, which is not installed: {command}")
    assert list(tmp_path.iterdir()) == []


def test_only_nature_s_network_is_one_of_stable_baselines3(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"takes a NatureDueling, .* got a SmallDueling"):
        mk.export(mk.SmallDueling(3, hidden=2), tmp_path / "out", "sb3")
    with pytest.raises(UserError, match="takes a checkpoint, a DuelingDoubleDQN or a QNetwork, got a Linear"):
        mk.export(nn.Linear(1, 1), tmp_path / "out", "onnx")


def test_a_network_that_cannot_be_a_graph_is_a_line(tmp_path: Path) -> None:
    class Odd(Linear):
        def forward(self, observations: torch.Tensor) -> torch.Tensor:
            return super().forward(observations) * (1 if bool(observations.sum() > 3) else 2)

    with pytest.raises(UserError, match="Odd cannot be exported to onnx") as refused:
        mk.export(Odd(3), tmp_path / "out", "onnx")
    one_line(refused.value, 440)


DAMAGED = {
    "empty": lambda raw: b"",
    "cut": lambda raw: raw[: len(raw) // 2],
    "another's": lambda raw: other(),
    "a list": lambda raw: raw.replace(b'{\\"library', b'[{\\"librar', 1).replace(b'0}"', b']"', 1),
    "a zip": lambda raw: zipped(),
}


def other() -> bytes:
    """A file that has no config."""
    from safetensors.torch import save

    raw: bytes = save({"value.bias": torch.ones(1)})
    return raw


def zipped() -> bytes:
    file = io.BytesIO()
    zipfile.ZipFile(file, "w").close()
    return file.getvalue()


@pytest.mark.parametrize("name", DAMAGED)
def test_safetensors_that_are_none_are_a_line(name: str, tmp_path: Path) -> None:
    path = mk.export(mk.NatureDueling(3, hidden=2), tmp_path / "a.safetensors", "safetensors")
    path.write_bytes(DAMAGED[name](path.read_bytes()))
    with pytest.raises(UserError) as refused:
        read_checkpoint(path)
    assert str(path) in str(refused.value)
    one_line(refused.value, 440)
