"""What only the IMPALA network has."""

from __future__ import annotations

import torch
from torch import nn

from mk_lightning.networks.impala import POOLED, ImpalaDueling


def test_its_pooling_is_the_adaptive_one_of_the_paper() -> None:
    """Written as plain windows, for which other programs have an operation."""
    pool = ImpalaDueling(3, width=1, hidden=2).stages[-1]
    ours = torch.randn(4, 32, 11, 11, generator=torch.Generator().manual_seed(1)).requires_grad_()
    theirs = ours.detach().clone().requires_grad_()
    pooled, adaptive = pool(ours), nn.AdaptiveMaxPool2d(POOLED)(theirs)
    assert torch.equal(pooled, adaptive)
    pooled.sum().backward()
    adaptive.sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    assert torch.equal(ours.grad, theirs.grad)
