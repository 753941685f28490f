"""Zips that are no agent whose Q-values could be taken: each is refused in a line, and nothing in it is run."""

from __future__ import annotations

import base64
import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3 import PPO, SAC
from torch import nn

from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.networks.sb3_zip import MAX_BYTES, read_sb3
from mk_lightning.utils.errors import UserError
from tests.fuzzing import damaged, fuzz, one_line
from tests.networks.sb3_agents import Pixels, saved

Parts = dict[str, bytes]
SMALL: dict[str, Any] = {"features_extractor_kwargs": {"features_dim": 4}}


class MakesAFile:
    """Unpickled with nothing to prevent it, this makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """The parts of a good zip."""
    path, _ = saved(tmp_path_factory.mktemp("good"), **SMALL)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: Parts, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file.getvalue()


def torch_saved(content: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def with_data(parts: Parts, **changes: Any) -> bytes:
    return packed(parts | {"data": json.dumps(json.loads(parts["data"]) | changes).encode()})


def with_weights(parts: Parts, change: Callable[[dict], object]) -> bytes:
    weights = torch.load(io.BytesIO(parts["policy.pth"]), weights_only=True)
    change(weights)
    return packed(parts | {"policy.pth": torch_saved(weights)})


HOSTILE: dict[str, tuple[Callable[[Parts, Path], bytes], str]] = {
    "no zip": (lambda good, ran: b"hello\n", "cut short, or no zip at all"),
    "cut short": (lambda good, ran: packed(good)[:-400], "cut short, or torch.save wrote it"),
    "cut in half": (lambda good, ran: packed(good)[: len(good["policy.pth"]) // 2], "cut short, or no zip at all"),
    "a byte flipped": (lambda good, ran: packed(good).replace(good["data"][:40], b"x" * 40, 1), "Bad CRC-32"),
    "another zip": (lambda good, ran: packed({"a.txt": b""}), "a zip with a.txt in it, neither an agent of"),
    "an empty zip": (lambda good, ran: packed({}), "a zip with nothing in it"),
    "compressed": (lambda good, ran: packed(good, zipfile.ZIP_DEFLATED), "compressed parts"),
    "a bomb": (lambda good, ran: packed(good | {"data": b" " * 10**7}, zipfile.ZIP_DEFLATED), "compressed parts"),
    "huge data": (lambda good, ran: packed(good | {"data": b" " * 2000}), "has 2,000 bytes, more than 1,000"),
    "outside": (lambda good, ran: packed(good | {"../../ran": b"x"}), "'../../ran' is for another folder"),
    "data is no JSON": (lambda good, ran: packed(good | {"data": b"{,}"}), "it is not JSON"),
    "data is no text": (lambda good, ran: packed(good | {"data": b"\xff"}), "its data is not text"),
    "data is a list": (lambda good, ran: packed(good | {"data": b"[]"}), "not those of Stable-Baselines3"),
    "data nested": (lambda good, ran: packed(good | {"data": b"[" * 900}), "it is not JSON"),
    "weights are no file": (lambda good, ran: packed(good | {"policy.pth": b"x"}), "never written by torch.save"),
    "weights are a pickle": (
        lambda good, ran: packed(good | {"policy.pth": pickle.dumps(MakesAFile(ran), 2)}), "never written by torch.save"
    ),
    "code among the weights": (
        lambda good, ran: packed(good | {"policy.pth": torch_saved({"q_net.q_net.0.bias": MakesAFile(ran)})}),
        "neither a tensor nor plain Python; nothing of it was run",
    ),
    "not finite": (
        lambda good, ran: with_weights(good, lambda w: w["q_net.q_net.0.bias"].fill_(torch.nan)), "that are not finite"
    ),
    "of twice the precision": (
        lambda good, ran: with_weights(good, lambda w: w.update(x=torch.ones(1).double())), "x is of type torch.float64"
    ),
    "no actions": (
        lambda good, ran: with_weights(
            good, lambda w: w.update({"q_net.q_net.0.weight": torch.zeros(0, 4), "q_net.q_net.0.bias": torch.zeros(0)})
        ),
        "its layer q_net.0 is of shape (0, 4), not (1, 4)",
    ),
    "claims": (
        lambda good, ran: with_weights(good, lambda w: w.update(x=torch.zeros(1).expand(10**12))), "not in the file"
    ),
    "sparse": (lambda good, ran: with_weights(good, lambda w: w.update(x=torch.ones(1).to_sparse())), "not a plain"),
    "a layer missing": (
        lambda good, ran: with_weights(good, lambda w: w.pop("q_net.features_extractor.cnn.4.bias")),
        "not NatureCNN with linear heads (net_arch=[]): no features_extractor.cnn.4.bias",
    ),
    "a layer of another shape": (
        lambda good, ran: with_weights(good, lambda w: w.update({"q_net.q_net.0.weight": torch.zeros(26, 5)})),
        "its layer q_net.0 is of shape (26, 5), not (26, 4)",
    ),
    "84 by 84 by 4": (
        lambda good, ran: with_data(good, observation_space={"_shape": "(84, 84, 4)"}), "are of shape [84, 84, 4], here"
    ),
    "not divided": (lambda good, ran: with_data(good, policy_kwargs={"normalize_images": False}), "not divided by 255"),
    "features of another's making": (
        lambda good, ran: with_data(good, policy_kwargs={"features_extractor_class": "<class 'a.B'>"}), "made by <cl"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_refused_in_a_line(name: str, good: Parts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make, hint = HOSTILE[name]
    if name == "huge data":
        monkeypatch.setitem(MAX_BYTES, "data", 1_000)
    path = tmp_path / "model.zip"
    path.write_bytes(make(good, tmp_path / "ran"))
    with pytest.raises(UserError) as refused:
        read_checkpoint(path)
    assert hint in str(refused.value)
    assert str(path) in str(refused.value)
    one_line(refused.value, 440)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["model.zip"], "something was run or unpacked"


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "PPO": (lambda path: PPO("CnnPolicy", Pixels(), policy_kwargs=SMALL, n_steps=2, device="cpu").save(path),
            "it is an agent of PPO or A2C, and only DQN's kinds"),
    "SAC": (lambda path: SAC("MlpPolicy", "Pendulum-v1", buffer_size=1, device="cpu").save(path),
            "it is an agent of SAC, TD3 or DDPG"),
    "another net_arch": (lambda path: saved(path.parent, net_arch=[8], **SMALL), "more q_net.2.bias, q_net.2.weight"),
    "grey frames by themselves": (lambda path: saved(path.parent, shape=(1, 84, 84), **SMALL),
                                  "its observations are of shape [1, 84, 84], here they are [4, 84, 84]"),
    "another size of frames": (lambda path: saved(path.parent, shape=(4, 64, 64), **SMALL), "of shape [4, 64, 64]"),
    "another activation's name": (lambda path: saved(path.parent, activation_fn=nn.ELU, **SMALL), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_an_agent_of_another_making_is_called_what_it_is(name: str, tmp_path: Path) -> None:
    make, hint = FOREIGN[name]
    make(tmp_path / "model.zip")
    if not hint:  # only layers that are not there would have it
        assert read_sb3(tmp_path / "model.zip").hidden == 4
        return
    with pytest.raises(UserError) as refused:
        read_checkpoint(tmp_path / "model.zip")
    assert hint in str(refused.value)
    one_line(refused.value, 440)


def test_pickles_beside_the_weights_are_not_opened(good: Parts, tmp_path: Path) -> None:
    """SB3 itself opens them: the zip is a good one in which every object makes a file."""
    code = base64.b64encode(pickle.dumps(MakesAFile(tmp_path / "ran"))).decode()
    data = json.loads(good["data"])
    for value in data.values():
        if isinstance(value, dict) and ":serialized:" in value:
            value[":serialized:"] = code
    (tmp_path / "model.zip").write_bytes(packed(good | {"data": json.dumps(data).encode()}))
    assert read_sb3(tmp_path / "model.zip").num_actions == 26
    assert not (tmp_path / "ran").exists()
    pickle.loads(base64.b64decode(code)).close()
    assert (tmp_path / "ran").exists(), "it would not have shown"


@fuzz
@given(data=st.data())
def test_fuzz_the_bytes_of_a_zip(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = io.BytesIO()
    torch.save({"q_net.q_net.0.bias": torch.ones(3)}, file)
    whole = packed({"data": b'{"gamma": 0.5, "num_timesteps": 7}', "policy.pth": file.getvalue()})
    path = tmp_path_factory.getbasetemp() / "fuzzed.zip"
    path.write_bytes(data.draw(damaged(whole) | st.binary(max_size=300)))
    with pytest.raises(UserError) as refused:
        read_checkpoint(path)
    one_line(refused.value)
