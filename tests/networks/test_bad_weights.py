"""Weights and numbers in files of any kind that no network could have: each is refused in a line."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

import mk_lightning as mk
from mk_lightning.learning.module import DuelingDoubleDQN
from mk_lightning.networks.checkpoint import load_network, read_checkpoint
from mk_lightning.networks.safetensors_file import CONFIG
from mk_lightning.utils.errors import UserError
from tests.fuzzing import one_line
from tests.networks.sb3_agents import saved
from tests.networks.test_sb3_zip import SMALL, packed, torch_saved

Noted = dict[str, Any]
NOTED: Noted = {"network": {"num_actions": 3, "hidden": 2}, "env_steps": 7, "reward_scale": 20.0}


def checkpoint(path: Path, weights: dict[str, torch.Tensor], noted: Noted) -> None:
    torch.save({"state_dict": {f"online.{name}": w for name, w in weights.items()}, **noted}, path)


def safetensors(path: Path, weights: dict[str, torch.Tensor], noted: Noted) -> None:
    path.write_bytes(save(weights, {CONFIG: json.dumps(noted)}))


WRITERS: dict[str, Callable[[Path, dict[str, torch.Tensor], Noted], None]] = {
    ".ckpt": checkpoint,
    ".safetensors": safetensors,
}
kinds = pytest.mark.parametrize("kind", WRITERS)


def written(folder: Path, kind: str, weights: dict[str, torch.Tensor] | None = None, **noted: Any) -> Path:
    """Write a file that is good but for what is given."""
    path = folder / f"a{kind}"
    good = mk.NatureDueling(3, hidden=2).state_dict()
    WRITERS[kind](path, {k: w.contiguous() for k, w in good.items()} | (weights or {}), NOTED | noted)
    return path


@kinds
def test_good_ones_are_read(kind: str, tmp_path: Path) -> None:
    assert load_network(written(tmp_path, kind)).num_actions == 3
    halves = {"value.bias": torch.ones(1, dtype=torch.bfloat16)}
    assert load_network(written(tmp_path, kind, halves)).state_dict()["value.bias"] == 1
    assert DuelingDoubleDQN(3, mk.NatureDueling, init_from=str(written(tmp_path, kind)), init_strict=False)


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu])
@kinds
def test_types_for_storage_are_refused(kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    path = written(tmp_path, kind, {"value.bias": torch.ones(1).to(dtype)})
    with pytest.raises(UserError) as refused:
        read_checkpoint(path)
    assert f"{path} cannot be used: online.value.bias is of type {dtype}, which is for storage" in str(refused.value)
    one_line(refused.value)


def test_types_for_storage_are_refused_beside_the_network(tmp_path: Path) -> None:
    torch.save({"state_dict": {"target.x": torch.ones(1).to(torch.float8_e4m3fnuz)}}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=r"target.x is of type torch.float8_e4m3fnuz, which is for storage"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_types_for_storage_are_refused_in_a_zip(tmp_path: Path) -> None:
    import zipfile

    path, _ = saved(tmp_path, **SMALL)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    weights = torch.load(io.BytesIO(parts["policy.pth"]), weights_only=True)
    weights["q_net.q_net.0.bias"] = weights["q_net.q_net.0.bias"].to(torch.float8_e4m3fn)
    path.write_bytes(packed(parts | {"policy.pth": torch_saved(weights)}))
    with pytest.raises(UserError, match=r"q_net.q_net.0.bias is of type torch.float8_e4m3fn, which is for storage"):
        read_checkpoint(path)


NUMBERS: dict[str, tuple[Noted, str]] = {
    "no unit": ({"reward_scale": 0}, "its reward_scale is 0, not a finite number above 0"),
    "a negative unit": ({"reward_scale": -5.0}, "its reward_scale is -5.0, not a finite"),
    "an infinite unit": ({"reward_scale": float("inf")}, ""),
    "a unit beyond all floats": ({"reward_scale": 10**400}, "not a finite number above 0"),
    "a truth value": ({"reward_scale": True}, "its reward_scale is True, not"),
    "a negative count": ({"env_steps": -1}, "its env_steps is -1, not a whole number from 0 to"),
    "a count beyond all": ({"env_steps": 10**30}, "not a whole number from 0 to 1,000,000,000,000,000"),
    "a truth value for a count": ({"env_steps": True}, "its env_steps is True, not a whole number"),
    "no actions": ({"network": {"num_actions": 0, "hidden": 2}}, "must be between 1 and 65,536, got 0"),
    "negative actions": ({"network": {"num_actions": -1, "hidden": 2}}, "must be between 1 and 65,536, got -1"),
    "too many actions": ({"network": {"num_actions": 10**12, "hidden": 2}}, "between 1 and 65,536, got 1000000000000"),
}


@pytest.mark.parametrize("name", NUMBERS)
@kinds
def test_numbers_that_cannot_be_are_refused(kind: str, name: str, tmp_path: Path) -> None:
    noted, hint = NUMBERS[name]
    path = written(tmp_path, kind, **noted)
    for read in (load_network, DuelingDoubleDQN.load_from_checkpoint):
        with pytest.raises(UserError) as refused:
            read(path)
        assert hint in str(refused.value)
        one_line(refused.value, 440)


def test_a_scale_beyond_what_json_reads_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ".safetensors", reward_scale=12345)
    path.write_bytes(path.read_bytes().replace(b"12345", b"1e999"))
    with pytest.raises(UserError, match="its reward_scale is inf, not a finite number above 0"):
        read_checkpoint(path)


def test_a_resumed_module_checks_the_numbers_too() -> None:
    module = DuelingDoubleDQN(3)
    with pytest.raises(UserError, match="the checkpoint cannot be used: its reward_scale is 0, not a finite"):
        module.on_load_checkpoint({"state_dict": {}, "reward_scale": 0})
