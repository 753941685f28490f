"""Matches written by hand: every number can be told from every other."""

from __future__ import annotations

from typing import Any

import numpy as np

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.experience.episodes import EpisodeRecord, EpisodeSpec, EpisodeTrace


def record(
    actions: list[int], state: str = "VeryEasy.Bramble-01", seed: int = 7, won: bool = True, total: float = 12.5,
    truncated: bool = False, **variables: list[int],
) -> EpisodeRecord:  # fmt: skip
    """A match with these actions and variables; those not given stay at 120 health and no rounds."""
    length = len(actions) + 1
    values: dict[str, Any] = {"health": [120] * length, "enemy_health": [120] * length}
    values |= {"rounds_won": [0] * length, "enemy_rounds_won": [0] * length} | variables
    arrays = {name: np.array(column, np.int32) for name, column in values.items()}
    assert {len(column) for column in arrays.values()} == {length}
    rounds = int(arrays["rounds_won"][-1]), int(arrays["enemy_rounds_won"][-1])
    result = EpisodeResult(0, state, won, truncated, total, len(actions), *rounds)
    return EpisodeRecord(EpisodeSpec(state, seed), result, EpisodeTrace(np.array(actions, np.uint16), arrays))
