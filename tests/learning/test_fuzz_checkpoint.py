"""Whatever is in a checkpoint, it is read or refused in one line, and none of it is run."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError
from tests.fuzzing import damaged, fuzz, one_line


def good() -> bytes:
    """A tiny checkpoint of every kind of value that a real one has."""
    content = {
        "state_dict": {"online.value.weight": torch.arange(6.0).reshape(2, 3), "online.value.bias": torch.ones(2)},
        "optimizer_states": [{"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}],
        "global_step": 3,
        "env_steps": 48,
        "loops": {"fit_loop": {"done": True, "names": ("a", None)}},
    }
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


GOOD = good()
PICKLE = zipfile.ZipFile(io.BytesIO(GOOD)).read("archive/data.pkl")


def repacked(program: bytes) -> bytes:
    """The checkpoint with another pickle in it, checksums and all: what somebody who means harm would write."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, program if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


class MakesAFile:
    """Unpickled with nothing to prevent it, this makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (self.path, "w")


def taken_or_refused(folder: Path, raw: bytes) -> dict[str, Any] | None:
    """What is read of a file; None where it is refused."""
    path = folder / "fuzzed.ckpt"
    path.write_bytes(raw)
    try:
        return read_checkpoint(path)
    except UserError as error:
        one_line(error)
        return None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("checkpoints")


@fuzz
@given(raw=damaged(GOOD) | st.binary(max_size=300))
def test_fuzz_the_bytes_of_a_checkpoint(folder: Path, raw: bytes) -> None:
    checkpoint = taken_or_refused(folder, raw)
    assert checkpoint is None or isinstance(checkpoint["state_dict"], dict)


@fuzz
@given(program=damaged(PICKLE) | st.binary(max_size=300))
def test_fuzz_the_pickle_of_a_checkpoint(folder: Path, program: bytes) -> None:
    checkpoint = taken_or_refused(folder, repacked(program))
    assert checkpoint is None or isinstance(checkpoint["state_dict"], dict)


@fuzz
@given(
    protocol=st.integers(0, 5), where=st.sampled_from(("alone", "state_dict", "loops", "key")), cut=st.integers(0, 30)
)
def test_fuzz_code_in_a_checkpoint(folder: Path, protocol: int, where: str, cut: int) -> None:
    code = MakesAFile(str(folder / "ran"))
    content = {"alone": code, "state_dict": {"state_dict": code}, "loops": {"loops": [code]}, "key": {(1, code): 1}}[
        where
    ]
    program = pickle.dumps(content, protocol)
    taken_or_refused(folder, repacked(program[: len(program) - cut]))
    assert not (folder / "ran").exists()


def test_the_good_one_is_read(tmp_path: Path) -> None:
    for raw in (GOOD, repacked(PICKLE)):
        (tmp_path / "a.ckpt").write_bytes(raw)
        assert read_checkpoint(tmp_path / "a.ckpt")["global_step"] == 3
