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
import stable_retro
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.spaces import Box, Discrete
from numpy.typing import NDArray

from mk_lightning.envs.buttons import button_masks
from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.envs.observation import FRAME_SHAPE, to_frame
from mk_lightning.envs.options import check_env_options
from mk_lightning.envs.rewards import Fight, match_over, match_won, step_reward
from mk_lightning.games.catalog import load_game
from mk_lightning.games.game import Game
from mk_lightning.games.names import GameError
from mk_lightning.utils.errors import UserError

__all__ = ["FightingEnv"]

Frame = NDArray[np.uint8]
States = str | Sequence[str] | Mapping[str, float]

CAPTURE_FORMAT = 1
ONE_EMULATOR = (
    "this process already runs an emulator and can run only one: close() the first, "
    "or use RetroVectorEnv, which gives each its own process"
)


class FightingEnv(gymnasium.Env[Frame, int]):
    """A match of best of three rounds against the game's own opponent.

    One env_step holds one row of the game's action table for ``frame_skip`` frames, with the attack buttons released in
    the last ``release_frames`` of them: attacks are edge-triggered, so an action that is
    repeated without it would press nothing. The screen is fetched and the RAM read once per env_step.

    - Observation: the newest screen, (84, 84) uint8 grey. Stacking frames is left to the user.
    - Reward: :func:`mk_lightning.envs.rewards.step_reward`, in game units.
    - Terminated: a side has won two rounds, by the RAM; the game's ``scenario.json`` is not asked.
    - Truncated: ``max_env_steps`` have been played.
    - Info: every variable of ``data.json`` as int and ``state``, the save state's name; when the match ends also
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
        *,
        frame_skip: int = 4,
        release_frames: int = 1,
        max_noops: int = 30,
        max_env_steps: int = 3000,
        render_mode: str | None = None,
    ) -> None:
        """Start the emulator.

        Args:
            game: a :class:`Game`, or what :func:`load_game` takes; by name ``gymnasium.make("mk_lightning/Dojo-v0")``.
            states: states to draw from at each reset: names or patterns, or a mapping from them to weights.
            frame_skip: frames per env_step.
            release_frames: frames at its end with the attack buttons released; fewer than ``frame_skip``.
            max_noops: most frames without input at the start of a match; the number is drawn from 0 to this.
            max_env_steps: env_steps after which a match is truncated.
            render_mode: ``rgb_array`` or None.

        Raises:
            GameError: the game, a state or the ROM cannot be used.
            UserError: an option is out of its range.
            RuntimeError: this process already runs an emulator.
        """
        self.game = load_game(game) if isinstance(game, str) else game
        self._weights = self.game.state_weights(states)
        check_env_options(frame_skip, release_frames, max_noops, max_env_steps)
        if render_mode not in (None, "rgb_array"):
            raise UserError(f"render_mode must be 'rgb_array' or None, not {render_mode!r}")
        self.frame_skip = frame_skip
        self.release_frames = release_frames
        self.max_noops = max_noops
        self.max_env_steps = max_env_steps
        self.render_mode = render_mode
        self.action_space = Discrete(len(self.game.actions))  # type: ignore[assignment]
        self.observation_space = Box(0, 255, FRAME_SHAPE, np.uint8)
        self._no_buttons = np.zeros(len(self.game.buttons), np.uint8)
        self._held, self._released = button_masks(self.game)
        self._start_emulator()
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
        noops = int(self.np_random.integers(0, self.max_noops + 1))
        drawn = self.np_random.choice(len(self._weights), p=list(self._weights.values()))
        self._state = (options or {}).get("state") or list(self._weights)[drawn]
        self._em.set_state(self.game.state_bytes(self._state))
        self.state_index = self.game.state_index(self._state)
        if self.game.seed_variable:
            self._data.set_value(self.game.seed_variable, cpu_seed)
        self._hold(self._no_buttons, 1)  # or the screen would still show the last match
        self._pass_time(noops)
        self._variables = self._data.lookup_all()
        self._fight = self._read_fight()
        self.env_steps = 0
        self.episode_return = 0.0
        self._over = False
        return to_frame(self._em.get_screen()), {**self._variables, "state": self._state}

    def step(self, action: int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Hold one action for ``frame_skip`` frames.

        Args:
            action: row of the game's action table.

        Raises:
            ResetNeeded: no match is under way.
            ValueError: no such row.
        """
        frame = np.empty(FRAME_SHAPE, np.uint8)
        reward, terminated, truncated = self.play(action, frame)
        info: dict[str, Any] = {**self._variables, "state": self._state}
        if terminated or truncated:
            info["match"] = self.result().info()
        return frame, reward, terminated, truncated, info

    def render(self) -> Frame | None:
        """Return the last screen, (224, 320, 3) uint8 RGB, or None without ``render_mode="rgb_array"``."""
        self._require_open()
        return self._em.get_screen() if self.render_mode == "rgb_array" else None

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
        self._hold(self._held[action], self.frame_skip - self.release_frames)
        if self.release_frames:
            self._hold(self._released[action], self.release_frames)
        to_frame(self._em.get_screen(), frame)
        # lookup_all reads live memory; update_ram would only keep a copy for the scenario's own rewards.
        self._variables = self._data.lookup_all()
        fight = self._read_fight()
        reward = step_reward(self._fight, fight, self.game.full_health)
        self._fight = fight
        self.env_steps += 1
        self.episode_return += reward
        terminated = match_over(fight)
        truncated = not terminated and self.env_steps >= self.max_env_steps
        self._over = terminated or truncated
        return reward, terminated, truncated

    def result(self) -> EpisodeResult:
        """Return how the match stands, as its result when it is over."""
        return EpisodeResult(
            env_index=0,
            state=self._state,
            won=match_won(self._fight),
            truncated=not match_over(self._fight),
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
        self._em.set_state(zlib.decompress(captured["emulator"]))
        self.np_random.bit_generator.state = captured["random"]
        self._weights = dict(captured["weights"])
        self._state = captured["state"]
        self.state_index = self.game.state_index(self._state) if self._state else -1
        self._variables = dict(captured["variables"])
        self._fight = self._read_fight() if self._variables else Fight(0, 0, 0, 0)
        self.env_steps = captured["env_steps"]
        self.episode_return = captured["return"]
        self._over = captured["over"]

    # -- private ---------------------------------------------------------------------------------------------

    def _require_open(self) -> None:
        if not hasattr(self, "_em"):
            raise ClosedEnvironmentError("this environment is closed; make a new one")

    def _start_emulator(self) -> None:
        rom = self.game.rom_path()
        gc.collect()  # an emulator that is unreachable but not yet collected counts, too
        if FightingEnv._running is not None and FightingEnv._running() is not None:
            raise RuntimeError(ONE_EMULATOR)
        try:
            self._em = stable_retro.RetroEmulator(str(rom))
        except RuntimeError as error:  # one that is not a FightingEnv's
            raise RuntimeError(f"{ONE_EMULATOR} ({error})") from None
        FightingEnv._running = weakref.ref(self)
        self._data = stable_retro.data.GameData()
        self._em.configure_data(self._data)
        self._em.step()  # maps the memory
        folder = self.game.folder
        if not self._data.load(str(folder / "data.json"), str(folder / "scenario.json")):
            self.close()
            raise GameError(f"{self.game.id}: stable-retro cannot load data.json and scenario.json in {folder}")

    def _pass_time(self, frames: int) -> None:
        """Let frames pass before the first env_step: without input, or at random where no seed tells matches apart."""
        if self.game.seed_variable:
            self._hold(self._no_buttons, frames)
            return
        for left in range(frames, 0, -self.frame_skip):
            self._hold(self._held[self.np_random.integers(len(self._held))], min(left, self.frame_skip))

    def _hold(self, buttons: NDArray[np.uint8], frames: int) -> None:
        """Play frames with these buttons held."""
        self._em.set_button_mask(buttons, 0)
        for _ in range(frames):
            self._em.step()

    def _read_fight(self) -> Fight:
        ram = self._variables
        return Fight(ram["health"], ram["enemy_health"], ram["rounds_won"], ram["enemy_rounds_won"])
