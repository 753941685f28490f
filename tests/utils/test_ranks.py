"""What the only rank of a run is told; tests/ranks has several."""

from __future__ import annotations

import pytest

from mk_lightning.utils.errors import RankLost, UserError
from mk_lightning.utils.ranks import Ranks, noticing_loss


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


@pytest.mark.parametrize(
    "words",
    [
        "[../gloo/transport/tcp/pair.cc:525] Read error [127.0.0.1]:1: Connection reset by peer",
        "[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:60321",
        "[Rank 1] Watchdog caught collective operation timeout: NCCL",
    ],
)
def test_a_broken_connection_is_another_rank_s_end(words: str) -> None:
    with pytest.raises(RankLost, match="another rank of the run has ended, or cannot be reached"), noticing_loss():
        raise RuntimeError(words)


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), noticing_loss():
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
