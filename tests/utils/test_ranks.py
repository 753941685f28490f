"""What the only rank of a run is told; tests/ranks has several."""

from __future__ import annotations

import pytest
from torch.distributed import DistNetworkError

from mk_lightning.utils.errors import RankLost, UserError, WorkerError
from mk_lightning.utils.ranks import Ranks


def test_a_single_rank_exchanges_nothing() -> None:
    ranks = Ranks()
    assert ranks.gather([1]) == [[1]]
    assert ranks.first(lambda: 3) == 3
    assert (ranks.first_is_told("a line"), ranks.first_is_told(None)) == ("a line", None)


def test_what_rank_0_raises_is_told_by_it() -> None:
    def fail() -> None:
        raise UserError("no")

    with pytest.raises(UserError) as caught:
        Ranks().first(fail)
    assert not caught.value.everywhere


GLOO = "[../gloo/transport/tcp/pair.cc:525] Read error [127.0.0.1]:1: Connection reset by peer"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(GLOO),
        RuntimeError("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:60321"),
        RuntimeError("[Rank 1] Watchdog caught collective operation timeout: NCCL"),
        DistNetworkError("The client socket cannot be initialized"),
    ],
)
def test_a_broken_connection_is_another_rank_s_end(error: RuntimeError) -> None:
    said = "another rank of the run has ended, or cannot be reached"
    with pytest.raises(RankLost, match=said), Ranks(1, 2).noticing_loss():
        raise error


@pytest.mark.parametrize(
    ("ranks", "error"),
    [
        (Ranks(0, 2), RuntimeError("mat1 and mat2 shapes cannot be multiplied")),
        (Ranks(0, 2), WorkerError("the worker of environment 3 failed: BrokenPipeError: [Errno 32] Broken pipe")),
        (Ranks(0, 2), WorkerError("/home/igloo/game.yaml: the worker of environment 3 died")),
        (Ranks(), RuntimeError(GLOO)),
    ],
)
def test_other_errors_stay_what_they_are(ranks: Ranks, error: RuntimeError) -> None:
    """Also where a user's words are those of gloo, and in a run of one rank, which can lose none."""
    with pytest.raises(RuntimeError) as caught, ranks.noticing_loss():
        raise error
    assert caught.value is error
