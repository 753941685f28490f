"""Many emulators side by side, one process each, behind gymnasium's vector interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.envs.fighting_env import States
from mk_lightning.envs.infos import Infos
from mk_lightning.envs.observation import FRAME_SHAPE
from mk_lightning.envs.options import check_env_options
from mk_lightning.envs.workers.pool import WorkerPool
from mk_lightning.envs.workers.shared_memory import SharedArrays
from mk_lightning.envs.workers.worker import WorkerSetup
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError
from mk_lightning.utils.errors import UserError, WorkerError

__all__ = ["RetroVectorEnv", "WorkerError"]

Frames = NDArray[np.uint8]
Indices = Sequence[int] | NDArray[np.integer[Any]] | None
Steps = tuple[Frames, NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_]]


class RetroVectorEnv(VectorEnv[Frames, NDArray[np.integer[Any]], NDArray[Any]]):
    """``num_envs`` :class:`FightingEnv` in worker processes that share their results' memory with this one.

    It keeps gymnasium's contract (``AutoresetMode.NEXT_STEP``: the step after the end of a match ignores its
    action, begins the next match and returns its first frame with reward 0) and adds what collecting and
    evaluating need:

    - :meth:`send` and :meth:`recv` step some environments while others wait for their actions.
    - :meth:`reset_envs` begins given matches in given environments.
    - :meth:`set_states` changes states and weights while matches are running.
    - :meth:`variables` and :meth:`finished` read RAM variables and results of matches without pickling.
    - :meth:`capture` and :meth:`restore` stop and continue exactly.

    ``indices`` are positions of environments, each at most once; None means all. Whatever is returned is in
    their order and is a copy, unless a method says otherwise. An environment that has been sent an action
    must be received before anything else is asked of it.

    Workers start in about a second, import no torch, ignore Ctrl-C and end when this process does, however it
    ends. They are forked from a process of their own, so that it does not matter what threads this one has. One that is
    killed or hangs is replaced by another, which plays the match again up to the same point: what is returned does not
    change. :attr:`restarts` counts them, and a warning is logged for each. After :meth:`close` everything that needs
    the workers raises ``gymnasium.error.ClosedEnvironmentError``.

    Example:
        >>> envs = RetroVectorEnv("dojo", "VeryEasy.*", num_envs=8)
        >>> frames, infos = envs.reset(seed=0)  # (8, 84, 84)
        >>> frames, rewards, terminated, truncated, infos = envs.step(envs.action_space.sample())
        >>> envs.close()
    """

    metadata: ClassVar[dict[str, Any]] = {  # type: ignore[misc]
        "render_modes": ["rgb_array"],
        "render_fps": 15,
        "autoreset_mode": AutoresetMode.NEXT_STEP,
    }

    single_action_space: Discrete

    def __init__(
        self,
        game: Game | str,
        states: States = "all",
        *,
        num_envs: int = 8,
        frame_skip: int = 4,
        release_frames: int = 1,
        max_noops: int = 30,
        max_env_steps: int = 3000,
        render_mode: str | None = None,
    ) -> None:
        """Start the workers and wait until every emulator runs.

        Args:
            game: as for :class:`FightingEnv`, like every option below but ``num_envs``.
            states: states to draw from at each reset, the same for all environments.
            num_envs: number of environments, and so of worker processes.
            frame_skip: frames per env_step.
            release_frames: frames at the end of an env_step with the attack buttons released.
            max_noops: most frames without input at the start of a match, or with random actions where the game has no
                `seed_variable`.
            max_env_steps: env_steps after which a match is truncated.
            render_mode: ``rgb_array`` or None.

        Raises:
            GameError: the game, a state or the ROM cannot be used.
            UserError: an option is out of its range.
            WorkerError: a worker did not start.
        """
        self.game = load_game(game) if isinstance(game, str) else game
        weights = self.game.state_weights(states)
        self.game.rom_path()
        if num_envs < 1:
            raise UserError(f"num_envs must be 1 or more, not {num_envs}")
        check_env_options(frame_skip, release_frames, max_noops, max_env_steps)
        self.num_envs = num_envs
        self.render_mode = render_mode
        self.single_observation_space = Box(0, 255, FRAME_SHAPE, np.uint8)
        self.single_action_space = Discrete(len(self.game.actions))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._all = list(range(num_envs))
        self._infos = Infos(self.game.variables, self.game.states, num_envs)
        self._arrays = SharedArrays(num_envs, len(self.game.variables))
        self._arrays["states"][:] = -1
        env_options = {
            "frame_skip": frame_skip,
            "release_frames": release_frames,
            "max_noops": max_noops,
            "max_env_steps": max_env_steps,
            "render_mode": render_mode,
        }
        setup = WorkerSetup(0, self.game, weights, env_options, num_envs, self._arrays.fd)
        # The pool must not hold this environment, or neither would be collected before the interpreter exits.
        playing = partial(_state_name, self.game, self._arrays["states"])
        self._pool = WorkerPool(setup, self._arrays["actions"], playing)

    # -- gymnasium -------------------------------------------------------------------------------------------

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Begin a match in every environment.

        Args:
            seed: environment ``i`` gets ``seed + i``, or ``seed[i]``; None continues the present random
                streams.
            options: ``{"states": [name, ...]}`` chooses the state of each environment instead of drawing it.

        Returns:
            Frames (num_envs, 84, 84) uint8 and infos.
        """
        unknown = set(options or ()) - {"states"}
        if unknown:
            raise GameError(f"reset knows the option 'states', not {sorted(unknown)[0]!r}")
        seeds = [seed + i for i in self._all] if isinstance(seed, int) else seed
        frames = self.reset_envs(self._all, seeds, (options or {}).get("states"))
        return frames, self._vector_infos()

    def step(
        self, actions: ArrayLike
    ) -> tuple[Frames, NDArray[np.float32], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Play one env_step in every environment; :meth:`send` and :meth:`recv` in one, with infos.

        Args:
            actions: (num_envs,) integers.

        Returns:
            Frames (num_envs, 84, 84) uint8, rewards (num_envs,) float32 in game units, terminated and
            truncated (num_envs,) bool, and infos in gymnasium's layout (an array per variable and its mask
            ``_name``).
        """
        self.send(actions)
        return *self.recv(), self._vector_infos()

    def render(self) -> tuple[Frames, ...] | None:
        """Return each environment's last screen, (224, 320, 3) uint8 RGB, or None without ``rgb_array``."""
        return tuple(self._call("render")) if self.render_mode == "rgb_array" else None

    def close_extras(self, **kwargs: Any) -> None:
        """End the workers. ``close()`` calls this once."""
        self._pool.close()

    # -- collecting ------------------------------------------------------------------------------------------

    def send(self, actions: ArrayLike, indices: Indices = None) -> None:
        """Let the environments begin one env_step and return at once.

        Args:
            actions: (len(indices),) integers.
            indices: the environments; all when None.

        Raises:
            ValueError: an action that is not in the table, or not one per environment.
            RuntimeError: one of the environments has not been received since it was last sent an action.
        """
        chosen = self._chosen(indices)
        wanted = np.asarray(actions)
        if wanted.shape != (len(chosen),) or wanted.dtype.kind not in "iu":
            raise ValueError(f"expected {len(chosen)} integer actions, not {wanted.dtype} of shape {wanted.shape}")
        if not chosen:
            return
        n_actions = len(self.game.actions)
        if wanted.min() < 0 or wanted.max() >= n_actions:
            raise ValueError(f"actions must be 0 to {n_actions - 1}, not {wanted.tolist()}")
        self._pool.begin_step(chosen, wanted)

    def recv(self, indices: Indices = None) -> Steps:
        """Wait for the env_steps begun by :meth:`send`.

        Returns:
            Frames (k, 84, 84) uint8, rewards (k,) float32, terminated (k,) bool, truncated (k,) bool; copies.

        Raises:
            RuntimeError: one of the environments was not sent an action.
            WorkerError: a worker raised, or died again and again; the whole vector environment is then closed. So it
                is with every other method that waits for workers.
        """
        chosen = self._chosen(indices)
        self._pool.end_step(chosen)
        arrays = self._arrays
        return (
            arrays["observations"][chosen],
            arrays["rewards"][chosen],
            arrays["terminated"][chosen],
            arrays["truncated"][chosen],
        )

    def variables(self) -> dict[str, NDArray[np.int64]]:
        """Return each RAM variable, (num_envs,) int64, as it was after the last step.

        Views of the shared memory: they change with the next step.
        """
        values = self._arrays["variables"]
        return {name: values[:, column] for column, name in enumerate(self.game.variables)}

    def states(self) -> list[str]:
        """Return the state that each environment's match began from, empty before the first reset."""
        return [self._state(index) for index in self._all]

    def finished(self, indices: Indices = None) -> list[EpisodeResult]:
        """Return the results of the matches that the last step ended, in the order of ``indices``."""
        arrays = self._arrays
        over = arrays["terminated"] | arrays["truncated"]
        ended = [index for index in self._chosen(indices) if over[index]]
        if not ended:
            return []
        rounds = self.variables()
        return [
            EpisodeResult(
                env_index=index,
                state=self._state(index),
                won=bool(arrays["episode_won"][index]),
                truncated=bool(arrays["truncated"][index]),
                episode_return=float(arrays["episode_returns"][index]),
                env_steps=int(arrays["episode_env_steps"][index]),
                rounds_won=int(rounds["rounds_won"][index]),
                enemy_rounds_won=int(rounds["enemy_rounds_won"][index]),
            )
            for index in ended
        ]

    @property
    def restarts(self) -> int:
        """How often a worker was replaced because it had died or hung."""
        return self._pool.restarts

    # -- steering --------------------------------------------------------------------------------------------

    def reset_envs(
        self,
        indices: Indices,
        seeds: Sequence[int | None] | None = None,
        states: Sequence[str | None] | None = None,
    ) -> Frames:
        """Begin given matches in given environments, whatever they were playing.

        Args:
            indices: the environments; all when None.
            seeds: one per environment; None continues its random stream. The same seed and state give the
                same match in any environment.
            states: one per environment; None draws by the weights.

        Returns:
            Their first frames, (len(indices), 84, 84) uint8; a copy.

        Raises:
            GameError: unknown state. Nothing has been reset then.
        """
        chosen = self._chosen(indices)
        all_seeds = [None] * len(chosen) if seeds is None else [None if s is None else int(s) for s in seeds]
        all_states = [None] * len(chosen) if states is None else list(states)
        if not len(chosen) == len(all_seeds) == len(all_states):
            raise ValueError(f"expected {len(chosen)} seeds and states, not {len(all_seeds)} and {len(all_states)}")
        for state in all_states:
            if state is not None:
                self.game.state_index(state)
        self._pool.call(chosen, "reset", zip(all_seeds, all_states, strict=True))
        frames: Frames = self._arrays["observations"][chosen]
        return frames

    def set_states(self, states: States) -> None:
        """Draw from other states, or with other weights, from each environment's next reset on.

        Matches under way are not disturbed. The weights are part of what :meth:`capture` returns.

        Raises:
            GameError: unknown state or impossible weights; the old ones stay.
        """
        self._call("set_states", self.game.state_weights(states))

    def capture(self) -> list[dict[str, Any]]:
        """Return the exact present of every environment, in order: plain Python and bytes only."""
        return self._call("capture")

    def restore(self, captured: Sequence[Mapping[str, Any]]) -> None:
        """Continue from what :meth:`capture` returned, bit for bit; also in another process.

        Raises:
            ValueError: captured from another number of environments.
        """
        if len(captured) != self.num_envs:
            raise ValueError(f"captured from {len(captured)} environments, but num_envs is {self.num_envs}")
        self._pool.call(self._all, "restore", [(one,) for one in captured])

    # -- private ---------------------------------------------------------------------------------------------

    def _chosen(self, indices: Indices) -> list[int]:
        if indices is None:
            return self._all
        chosen: list[int] = np.asarray(indices).tolist()
        mask = any(isinstance(index, bool) for index in chosen)
        if mask or len(set(chosen)) < len(chosen) or (chosen and not 0 <= min(chosen) <= max(chosen) < self.num_envs):
            raise ValueError(f"indices must be different positions from 0 to {self.num_envs - 1}, not {indices}")
        return chosen

    def _state(self, index: int) -> str:
        return _state_name(self.game, self._arrays["states"], index)

    def _call(self, method: str, *args: Any) -> list[Any]:
        return self._pool.call(self._all, method, [args] * self.num_envs)

    def _vector_infos(self) -> dict[str, Any]:
        return self._infos(self._arrays["variables"], self._arrays["states"], self.finished())


def _state_name(game: Game, states: NDArray[np.int32], index: int) -> str:
    return game.states[states[index]] if states[index] >= 0 else ""
