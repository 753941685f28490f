"""Infos of a vector environment in gymnasium's layout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mk_lightning.envs.episode import EpisodeResult

__all__ = ["Infos"]


class Infos:
    """Builds, for each step, what ``gymnasium.vector.AsyncVectorEnv`` would make of the environments' infos.

    An array per key and, under ``_key``, a mask of the environments that gave it. Masks that are always True are made
    once and shared, hence read-only.
    """

    def __init__(self, variables: Sequence[str], states: Sequence[str], num_envs: int) -> None:
        """Prepare the parts that do not change."""
        self._variables = variables
        self._states = np.array(states, object)
        self._num_envs = num_envs
        present = np.ones(num_envs, np.bool_)
        present.flags.writeable = False
        self._masks = {f"_{name}": present for name in (*variables, "state")}

    def __call__(
        self,
        variables: NDArray[np.int64],
        states: NDArray[np.int32],
        results: Iterable[EpisodeResult],
    ) -> dict[str, Any]:
        """Return the infos of one step.

        Args:
            variables: (num_envs, n_variables) RAM variables.
            states: (num_envs,) indices of states.
            results: matches that ended in this step.
        """
        infos: dict[str, Any] = dict(self._masks)
        infos.update(zip(self._variables, variables.T.copy(), strict=True))
        infos["state"] = self._states[states]
        ended = np.zeros(self._num_envs, np.bool_)
        for result in results:
            if not ended.any():
                infos["match"] = self._empty_matches()
            ended[result.env_index] = True
            for key, value in result.info().items():
                infos["match"][key][result.env_index] = value
                infos["match"][f"_{key}"][result.env_index] = True
        if ended.any():
            infos["_match"] = ended
        return infos

    def _empty_matches(self) -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {
            "state": np.full(self._num_envs, None, object),
            "won": np.zeros(self._num_envs, np.bool_),
            "return": np.zeros(self._num_envs, np.float64),
            "env_steps": np.zeros(self._num_envs, np.int64),
            "rounds_won": np.zeros(self._num_envs, np.int64),
            "enemy_rounds_won": np.zeros(self._num_envs, np.int64),
        }
        return columns | {f"_{key}": np.zeros(self._num_envs, np.bool_) for key in columns}
