from __future__ import annotations

import pytest
import torch

from mk_lightning.networks.checkpoint import load_matching, read_checkpoint
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.networks.weights import PREFIX
from mk_lightning.utils.errors import UserError


def weights_of(network) -> dict[str, torch.Tensor]:
    return {PREFIX + name: tensor.clone() for name, tensor in network.state_dict().items()}


def test_all_that_matches_is_loaded():
    theirs, mine = NatureDueling(5, hidden=8), NatureDueling(5, hidden=8)
    report = load_matching(mine, weights_of(theirs) | {"target.value.bias": torch.full((1,), 9.0)})
    assert report.complete
    assert len(report.matched) == 12
    assert str(report) == "12 parameters matched"
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(mine.state_dict()[name], tensor)


def test_the_report_names_what_is_missing_unexpected_and_of_another_shape():
    mine = NatureDueling(5, hidden=8)
    before = {name: tensor.clone() for name, tensor in mine.state_dict().items()}
    weights = weights_of(NatureDueling(7, hidden=8))
    del weights["online.value.bias"]
    weights["online.extra.weight"] = torch.zeros(2)
    report = load_matching(mine, weights)
    assert report.missing == ["value.bias"]
    assert report.unexpected == ["extra.weight"]
    assert report.reshaped == ["advantage.weight (7, 8) -> (5, 8)", "advantage.bias (7,) -> (5,)"]
    assert not report.complete
    assert str(report) == (
        "9 parameters matched; missing: value.bias; unexpected: extra.weight; "
        "of another shape: advantage.weight (7, 8) -> (5, 8), advantage.bias (7,) -> (5,)"
    )
    after = mine.state_dict()
    for name in ("value.bias", "advantage.weight", "advantage.bias"):
        assert torch.equal(after[name], before[name]), "changed without a match"
    for name in report.matched:
        assert torch.equal(after[name], weights[PREFIX + name])


@pytest.mark.parametrize("kind", ["missing", "text", "empty", "cut", "pickle", "tensor", "no state_dict"])
def test_what_is_no_checkpoint_is_one_line(tmp_path, kind):
    path = tmp_path / "a.ckpt"
    torch.save({"state_dict": {"online.x": torch.zeros(500)}}, tmp_path / "other.ckpt")
    whole = (tmp_path / "other.ckpt").read_bytes()
    if kind in {"text", "empty", "cut"}:
        path.write_bytes({"text": b"hello\n", "empty": b"", "cut": whole[: len(whole) // 2]}[kind])
    elif kind != "missing":
        torch.save({"pickle": UserError, "tensor": torch.zeros(2), "no state_dict": {"weights": 1}}[kind], path)
    with pytest.raises(UserError) as error:
        read_checkpoint(path)
    message = str(error.value)
    assert str(path) in message
    assert "\n" not in message
    assert (kind == "missing") == ("there: other.ckpt" in message)
