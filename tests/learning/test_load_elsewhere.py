"""A module out of a file that is not Lightning's heeds what `load_from_checkpoint` is given, or refuses it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import mk_lightning as mk
from mk_lightning.networks.safetensors_file import read_safetensors
from mk_lightning.networks.sb3_zip import read_sb3
from mk_lightning.utils.errors import UserError
from tests.fuzzing import one_line
from tests.networks.sb3_agents import saved

load = mk.DuelingDoubleDQN.load_from_checkpoint
SMALL: dict[str, Any] = {"features_extractor_kwargs": {"features_dim": 4}}


@pytest.fixture(scope="module", params=["zip", "safetensors"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An agent of another program, with 26 actions and 4 hidden units."""
    folder = tmp_path_factory.mktemp("elsewhere")
    if request.param == "zip":
        return saved(folder, **SMALL)[0]
    return mk.export(mk.NatureDueling(26, hidden=4), folder / "a.safetensors", "safetensors")


def test_it_is_on_the_device_that_is_asked_for(path: Path) -> None:
    for device in ("cpu", torch.device("cpu")):
        assert next(load(path, map_location=device).parameters()).device.type == "cpu"
    module = load(path, "meta")
    assert {weights.device.type for weights in module.parameters()} == {"meta"}


def test_what_fits_is_taken_where_it_need_not_be_all(path: Path) -> None:
    wider = partial(mk.NatureDueling, hidden=5)
    for options in ({}, {"strict": True}, {"strict": True, "init_strict": False}):
        with pytest.raises(UserError, match="does not fit the network"):
            load(path, network=wider, **options)
    whole = load(path)
    for options in ({"strict": False}, {"init_strict": False}):
        part = load(path, network=wider, **options)
        for network in (part.online, part.target):
            for name in ("convolutions.0.weight", "value.bias"):
                assert torch.equal(network.state_dict()[name], whole.online.state_dict()[name])
        assert part.origin == str(path)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"map_location": {"cuda:0": "cpu"}}, "map_location must be a device, such as 'cpu', for"),
        ({"map_location": lambda storage, place: storage}, "map_location must be a device"),
        ({"map_location": "gpu"}, "map_location must be a device"),
        ({"hparams_file": "hparams.yaml"}, "hparams_file is for Lightning's checkpoints"),
        ({"init_reward_scale": 0}, "reward_scale must be above 0, got 0"),
    ],
)
def test_what_cannot_be_heeded_is_refused(path: Path, options: dict[str, Any], hint: str) -> None:
    with pytest.raises(UserError) as refused:
        load(path, **options)
    assert hint in str(refused.value)
    one_line(refused.value, 440)


def test_the_file_is_read_once(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: list[Path] = []
    for reader in (read_safetensors, read_sb3):
        noting = partial(lambda reader, path: calls.append(path) or reader(path), reader)
        monkeypatch.setattr(f"mk_lightning.networks.checkpoint.{reader.__name__}", noting)
    module = load(path, init_reward_scale=3.0)
    assert calls == [path]
    assert module.reward_scale == (3.0 if path.suffix == ".zip" else None)
    mk.export(path, tmp_path / "a.pt", "torchscript")
    assert calls == [path, path], "once an export"
