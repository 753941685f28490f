"""One emulator playing one fighting game, as a gymnasium environment."""

from __future__ import annotations

import gc
import operator
import weakref
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from mk_lightning.envs.buttons import button_masks
from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.emulator import ONE_EMULATOR, start_emulator
from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.envs.observation import FRAME_SHAPE, picture, to_frame
from mk_lightning.envs.reward_checks import compute_reward
from mk_lightning.envs.rewards import Fight, match_over, match_won
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError
from mk_lightning.games.readings import read_variables
from mk_lightning.utils.errors import UserError

__all__ = ["FightingEnv"]

Frame = NDArray[np.uint8]
States = str | Sequence[str] | Mapping[str, float]

CAPTURE_FORMAT = 1


class FightingEnv(gymnasium.Env[Frame, int]):
    """A match against the game's own opponent, best of three rounds unless the game has another number.

    One env_step holds one row of the game's action table for ``frame_skip`` frames, with the attack buttons released in
    the last ``release_frames`` of them: attacks are edge-triggered, so an action that is
    repeated without it would press nothing. The screen is fetched and the RAM read once per env_step.

    - Observation: the newest screen, (84, 84) uint8 grey. Stacking frames is left to the user.
    - Reward: that of the config, in game units; by default :class:`mk_lightning.envs.rewards.DamageReward`.
    - Terminated: a side has won the match's rounds, by the RAM; the game's ``scenario.json`` is not asked.
    - Truncated: ``max_env_steps`` have been played.
    - Info: every variable of the game as int and ``state``, the save state's name; when the match ends also
      ``match``: ``{state, won, return, env_steps, rounds_won, enemy_rounds_won}``.

    ``reset(seed=s, options={"state": name})`` always gives the same match; a seed alone fixes the drawn state, too.

    Only one emulator can exist in a process; :class:`~mk_lightning.envs.RetroVectorEnv` runs several in their
    own. After :meth:`close` everything that needs it raises ``gymnasium.error.ClosedEnvironmentError``.

    Example:
        >>> env = FightingEnv("dojo", "VeryEasy.*")
        >>> frame, info = env.reset(seed=1)
        >>> frame, reward, terminated, truncated, info = env.step(env.game.action_index("R"))
        >>> env.close()
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 15}  # type: ignore[misc]

    _running: ClassVar[weakref.ref[FightingEnv] | None] = None
    """The environment that has this process's emulator."""

    def __init__(
        self,
        game: Game | str,
        states: States = "all",
        config: EnvConfig = EnvConfig(),  # noqa: B008 - frozen
        *,
        render_mode: str | None = None,
    ) -> None:
        """Start the emulator.

        Args:
            game: a :class:`Game`, or what :func:`load_game` takes; by name ``gymnasium.make("mk_lightning/Dojo-v0")``.
            states: states to draw from at each reset: names or patterns, or a mapping from them to weights.
            config: how matches are played; its ``num_envs`` is for many environments.
            render_mode: ``rgb_array`` or None.

        Raises:
            GameError: the game, a state or the ROM cannot be used.
            UserError: no such ``render_mode``.
            RuntimeError: this process already runs an emulator.
        """
        self.game = load_game(game) if isinstance(game, str) else game
        self._weights = self.game.state_weights(states)
        if render_mode not in (None, "rgb_array"):
            raise UserError(f"render_mode must be 'rgb_array' or None, not {render_mode!r}")
        self.config = config
        self.render_mode = render_mode
        self.action_space = Discrete(len(self.game.actions))  # type: ignore[assignment]
        self.observation_space = Box(0, 255, FRAME_SHAPE, np.uint8)
        self._no_buttons = np.zeros(len(self.game.buttons), np.uint8)
        self._held, self._released = button_masks(self.game)
        self._start_emulator()
        self._full_health = self.game.full_health or 0
        self._variables: dict[str, int] = {}
        self._fight = Fight(0, 0, 0, 0)
        self._state = ""
        self.state_index = -1
        """Position of :attr:`state` in ``game.states``; -1 before the first reset."""
        self.env_steps = 0
        """env_steps of the match so far."""
        self.episode_return = 0.0
        """Sum of the match's rewards so far, in game units."""
        self._over = True

    # -- gymnasium -------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Begin a match.

        Args:
            seed: seeds the drawing of no-op frames, of the opponent's random numbers (or the actions that take their
                place) and of the state; None continues the present random stream.
            options: ``{"state": name}`` chooses the state instead of drawing it.

        Raises:
            GameError: no such state or option.
        """
        self._require_open()
        super().reset(seed=None if seed is None else operator.index(seed))  # gymnasium refuses NumPy's integers
        unknown = set(options or ()) - {"state"}
        if unknown:
            raise GameError(f"reset knows the option 'state', not {sorted(unknown)[0]!r}")
        # All three are drawn, needed or not, so that what a seed means does not depend on the options.
        cpu_seed = int(self.np_random.integers(1, 0x10000))
        noops = int(self.np_random.integers(0, self.config.max_noops + 1))
        drawn = self.np_random.choice(len(self._weights), p=list(self._weights.values()))
        self._state = (options or {}).get("state") or list(self._weights)[drawn]
        self._load_state(self._state)
        self.state_index = self.game.state_index(self._state)
        if self.game.seed_variable:
            self._data.set_value(self.game.seed_variable, cpu_seed)
        self._hold(self._no_buttons, 1)  # or the screen would still show the last match
        self._pass_time(noops)
        self._variables = read_variables(self.game, self._data.lookup_all(), before=None)
        self._fight = Fight.of(self._variables)
        self.env_steps = 0
        self.episode_return = 0.0
        self._over = False
        return to_frame(self._screen()), {**self._variables, "state": self._state}

    def step(self, action: int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Hold one action for ``frame_skip`` frames.

        Args:
            action: row of the game's action table.

        Raises:
            ResetNeeded: no match is under way.
            ValueError: no such row.
            UserError: the config's reward raises, or returns no number.
        """
        frame = np.empty(FRAME_SHAPE, np.uint8)
        reward, terminated, truncated = self.play(action, frame)
        info: dict[str, Any] = {**self._variables, "state": self._state}
        if terminated or truncated:
            info["match"] = self.result().info()
        return frame, reward, terminated, truncated, info

    def render(self) -> Frame | None:
        """Return the last picture, such as (224, 320, 3) uint8 RGB, or None without ``render_mode="rgb_array"``."""
        self._require_open()
        return self._screen() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Free the emulator, so that this process can start another. Closing twice is fine."""
        if hasattr(self, "_em"):
            del self._em, self._data
            FightingEnv._running = None
        self._over = True
        super().close()

    # -- beyond gymnasium ------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """Whether the match has ended (or none has begun), so that ``reset`` must come next."""
        return self._over

    @property
    def variables(self) -> dict[str, int]:
        """The RAM variables after the last env_step; in ``info``, ``state`` and ``match`` hide any so named."""
        return self._variables

    @property
    def full_health(self) -> int:
        """What a full bar of health stands for in this match, RAM units; 0 before a match that it is taken from."""
        return self._full_health

    @property
    def state(self) -> str:
        """Name of the save state that the present match began from."""
        return self._state

    @property
    def state_weights(self) -> dict[str, float]:
        """Probability of each state at the next reset."""
        return dict(self._weights)

    def play(self, action: int, frame: Frame) -> tuple[float, bool, bool]:
        """Play one env_step like :meth:`step`, into an array of the caller's and without infos.

        Args:
            action: row of the game's action table.
            frame: (84, 84) uint8, C-contiguous; overwritten with the newest screen.

        Returns:
            Reward, terminated, truncated.
        """
        if self._over:
            self._require_open()
            raise ResetNeeded("no match is under way: call reset() first")
        if not 0 <= action < len(self._held):
            raise ValueError(f"action must be 0 to {len(self._held) - 1}, not {action}")
        config = self.config
        self._hold(self._held[action], config.frame_skip - config.release_frames)
        if config.release_frames:
            self._hold(self._released[action], config.release_frames)
        to_frame(self._screen(), frame)
        # lookup_all reads live memory; update_ram would only keep a copy for the scenario's own rewards.
        self._variables = read_variables(self.game, self._data.lookup_all(), self._variables)
        fight = Fight.of(self._variables)
        reward = compute_reward(config.reward, self._fight, fight, self._full_health)
        self._fight = fight
        self.env_steps += 1
        self.episode_return += reward
        terminated = match_over(fight, self.game.rounds_to_win)
        truncated = not terminated and self.env_steps >= config.max_env_steps
        self._over = terminated or truncated
        return reward, terminated, truncated

    def result(self) -> EpisodeResult:
        """Return how the match stands, as its result when it is over."""
        return EpisodeResult(
            env_index=0,
            state=self._state,
            won=match_won(self._fight, self.game.rounds_to_win),
            truncated=not match_over(self._fight, self.game.rounds_to_win),
            episode_return=self.episode_return,
            env_steps=self.env_steps,
            rounds_won=self._fight.rounds_won,
            enemy_rounds_won=self._fight.enemy_rounds_won,
        )

    def set_states(self, states: States) -> None:
        """Draw from other states, or with other weights, from the next reset on.

        Raises:
            GameError: unknown state or impossible weights; the old ones stay.
        """
        self._weights = self.game.state_weights(states)

    def capture(self) -> dict[str, Any]:
        """Return the exact present: emulator, random stream, weights, counters.

        Plain Python and bytes only; 25 to 40 kB for the dojo. :meth:`restore` continues it bit for bit, in any
        process.
        """
        self._require_open()
        return {
            "format": CAPTURE_FORMAT,
            "game": self.game.id,
            "emulator": zlib.compress(self._em.get_state(), 1),
            "random": self.np_random.bit_generator.state,
            "weights": dict(self._weights),
            "state": self._state,
            "variables": dict(self._variables),
            "env_steps": self.env_steps,
            "return": self.episode_return,
            "over": self._over,
        }

    def restore(self, captured: Mapping[str, Any]) -> None:
        """Continue from what :meth:`capture` returned.

        The next :meth:`step` is the one that would have come then. Until it, :meth:`render` still shows the
        screen from before the restore: an emulator state holds no picture.

        Raises:
            ValueError: captured by another format or from another game.
        """
        self._require_open()
        if captured["format"] != CAPTURE_FORMAT:
            raise ValueError(f"captured in format {captured['format']}, this version reads {CAPTURE_FORMAT}")
        if captured["game"] != self.game.id:
            raise ValueError(f"captured from {captured['game']}, this environment plays {self.game.id}")
        self._state = captured["state"]
        if self._state and self.game.full_health is None:
            self._load_state(self._state)
        self._em.set_state(zlib.decompress(captured["emulator"]))
        self.np_random.bit_generator.state = captured["random"]
        self._weights = dict(captured["weights"])
        self.state_index = self.game.state_index(self._state) if self._state else -1
        self._variables = dict(captured["variables"])
        self._fight = Fight.of(self._variables) if self._variables else Fight(0, 0, 0, 0)
        self.env_steps = captured["env_steps"]
        self.episode_return = captured["return"]
        self._over = captured["over"]

    # -- private ---------------------------------------------------------------------------------------------

    def _require_open(self) -> None:
        if not hasattr(self, "_em"):
            raise ClosedEnvironmentError("this environment is closed; make a new one")

    def _start_emulator(self) -> None:
        gc.collect()  # an emulator that is unreachable but not yet collected counts, too
        if FightingEnv._running is not None and FightingEnv._running() is not None:
            self.game.rom_path()  # a missing one is told first
            raise RuntimeError(ONE_EMULATOR)
        self._em, self._data = start_emulator(self.game)
        FightingEnv._running = weakref.ref(self)

    def _load_state(self, state: str) -> None:
        """Put the emulator where a state is, and learn the full health from it unless the game says it."""
        if not self._em.set_state(self.game.state_bytes(state)):
            raise GameError(
                f"{self.game.id}: the emulator core does not take the state {state!r}; save it anew with it"
            )
        if self.game.full_health is None:
            begun = read_variables(self.game, self._data.lookup_all(), before=None)
            self._full_health = max(begun["health"], begun["enemy_health"], 1)

    def _screen(self) -> Frame:
        return picture(self._em.get_screen(), self.game.crop)

    def _pass_time(self, frames: int) -> None:
        """Let frames pass before the first env_step: without input, or at random where no seed tells matches apart."""
        if self.game.seed_variable:
            self._hold(self._no_buttons, frames)
            return
        frame_skip = self.config.frame_skip
        for left in range(frames, 0, -frame_skip):
            self._hold(self._held[self.np_random.integers(len(self._held))], min(left, frame_skip))

    def _hold(self, buttons: NDArray[np.uint8], frames: int) -> None:
        """Play frames with these buttons held."""
        self._em.set_button_mask(buttons, 0)
        for _ in range(frames):
            self._em.step()
