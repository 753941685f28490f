import re
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.utils.env_checker import check_env

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.rewards import DamageReward, Fight
from mk_lightning.games.catalog import load_game
from mk_lightning.games.names import GameError
from mk_lightning.utils.errors import UserError
from tests.cli.mistakes import copy_of_the_dojo

MakeEnv = Callable[..., FightingEnv]
FIGHTING = 2
"""The dojo's ``phase`` in which fighters act."""
ATTACK = 6
"""The dojo's ``state`` of a fighter that attacks; ``t`` counts the frames since it began."""


def play(env: FightingEnv, n_steps: int, seed: int = 0) -> list[Any]:
    """Play random actions and return all that was seen, resetting after matches."""
    rng = np.random.default_rng(seed)
    tape: list[Any] = []
    for action in rng.integers(0, 26, n_steps):
        frame, reward, terminated, truncated, info = env.step(int(action))
        tape.append((frame.tobytes(), reward, terminated, truncated, info))
        if terminated or truncated:
            frame, info = env.reset()
            tape.append((frame.tobytes(), info))
    return tape


def test_gymnasiums_checker_passes(make_env: MakeEnv) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*alternative render modes.*")
        assert check_env(make_env(render_mode="rgb_array", max_env_steps=50)) is None


def test_a_second_emulator_in_one_process_is_refused_in_one_line(make_env: MakeEnv, game: Any) -> None:
    first = make_env()
    with pytest.raises(RuntimeError, match=r"this process already runs an emulator.*RetroVectorEnv") as caught:
        FightingEnv(game)
    assert "\n" not in str(caught.value)
    first.close()
    FightingEnv(game).close()
    del first
    FightingEnv(game)  # nobody holds this one, so it does not count
    FightingEnv(game).close()


@pytest.mark.parametrize("moment", ["before the first match", "in a match"])
def test_a_closed_environment_says_so_whatever_it_is_asked(make_env: MakeEnv, moment: str) -> None:
    env = make_env(render_mode="rgb_array")
    captured = env.capture()
    if moment == "in a match":
        env.reset(seed=1)
    before = env.np_random.bit_generator.state
    env.close()
    for ask in (lambda: env.reset(seed=2), lambda: env.step(0), env.render, env.capture, lambda: env.restore(captured)):
        with pytest.raises(ClosedEnvironmentError, match=r"^this environment is closed; make a new one$"):
            ask()
    assert env.np_random.bit_generator.state == before
    other = FightingEnv("dojo")
    env.close()  # the emulator is no longer its own
    other.reset(seed=1)
    with pytest.raises(RuntimeError, match="already runs an emulator"):
        FightingEnv("dojo")
    other.close()


class TestReset:
    def test_the_same_seed_and_state_give_the_same_match_whatever_was_played_before(
        self, make_env: MakeEnv, states: tuple[str, ...]
    ) -> None:
        env = make_env()
        tapes = []
        for n_before in (0, 37, 150):
            env.reset(seed=n_before, options={"state": states[5]})
            play(env, n_before)
            first, info = env.reset(seed=7, options={"state": states[2]})
            tapes.append([(first.tobytes(), info), *play(env, 120)])
        assert tapes[0] == tapes[1] == tapes[2]
        other = make_env()
        first, info = other.reset(seed=7, options={"state": states[2]})
        assert [(first.tobytes(), info), *play(other, 120)] == tapes[0]

    def test_other_seeds_give_other_matches(self, env: FightingEnv, states: tuple[str, ...]) -> None:
        seeds = set()
        for seed in range(20):
            _, info = env.reset(seed=seed, options={"state": states[0]})
            seeds.add(info["cpu_seed"])
        assert len(seeds) == 20

    def test_the_opponents_random_numbers_are_seeded_and_never_with_zero(
        self, env: FightingEnv, states: tuple[str, ...]
    ) -> None:
        written = []
        set_value = env._data.set_value

        class Tape:
            def __getattr__(self, name: str) -> Any:
                return getattr(data, name)

            def set_value(self, name: str, value: int) -> None:
                written.append((name, value))
                set_value(name, value)

        data, env._data = env._data, Tape()
        for _ in range(30):
            env.reset(options={"state": states[0]})
        assert {name for name, _ in written} == {"cpu_seed"}
        assert len({value for _, value in written}) == 30
        assert all(0 < value < 0x10000 for _, value in written)

    def test_the_number_of_no_op_frames_is_drawn_up_to_the_limit(self, make_env: MakeEnv) -> None:
        env = make_env(max_noops=3)
        frames = Counter(self._frames_of_a_reset(env) for _ in range(60))
        assert sorted(frames) == [1, 2, 3, 4]  # one frame is always played, to draw the picture
        env = make_env(max_noops=0)
        assert {self._frames_of_a_reset(env) for _ in range(5)} == {1}

    def test_a_game_without_a_seed_begins_with_random_actions(self, tmp_path: Path) -> None:
        """Or two matches would be the same one whenever they drew the same number of frames."""
        copy_of_the_dojo(tmp_path, lambda text: re.sub("seed_variable: .*", "seed_variable: null", text))
        env = FightingEnv(load_game(str(tmp_path / "game/game.yaml")), config=EnvConfig(max_noops=30))

        def begun(seed: int) -> tuple[bytes, str]:
            frame, info = env.reset(seed=seed, options={"state": "VeryEasy.Ember-04"})
            return frame.tobytes(), str(info)

        started = [begun(seed) for seed in range(60)]
        assert len(set(started)) > 45  # by the number of frames alone at most 31
        assert begun(7) == started[7]
        assert 1 <= self._frames_of_a_reset(env) <= 31

    @staticmethod
    def _frames_of_a_reset(env: FightingEnv) -> int:
        count = 0
        emulator = env._em

        class Counting:
            def __getattr__(self, name: str) -> Any:
                return getattr(emulator, name)

            def step(self) -> None:
                nonlocal count
                count += 1
                emulator.step()

        env._em = Counting()
        env.reset()
        env._em = emulator
        return count

    def test_states_are_drawn_by_their_weights(self, make_env: MakeEnv, states: tuple[str, ...]) -> None:
        env = make_env({states[0]: 1, states[1]: 3, states[2]: 0}, max_noops=0)
        env.reset(seed=11)
        drawn = Counter(env.reset()[1]["state"] for _ in range(400))
        assert set(drawn) == {states[0], states[1]}
        assert abs(drawn[states[1]] - 300) < 4 * (400 * 0.25 * 0.75) ** 0.5  # four standard deviations
        env.set_states({states[2]: 5})
        assert env.reset()[1]["state"] == states[2]

    def test_a_seed_fixes_the_drawn_states(self, make_env: MakeEnv) -> None:
        env = make_env("all", max_noops=0)
        runs = []
        for _ in range(2):
            env.reset(seed=5)
            runs.append([env.reset()[1]["state"] for _ in range(20)])
        assert runs[0] == runs[1]
        assert len(set(runs[0])) > 10

    def test_a_misspelt_state_or_option_is_named(self, env: FightingEnv, states: tuple[str, ...]) -> None:
        with pytest.raises(GameError, match=f"did you mean '{states[0]}'"):
            env.reset(options={"state": states[0].lower()})
        with pytest.raises(GameError, match="not 'states'"):
            env.reset(options={"states": "x"})


class TestStep:
    def test_the_frame_is_the_screen_in_grey_by_area(self, make_env: MakeEnv) -> None:
        env = make_env(render_mode="rgb_array")
        env.reset(seed=0)
        frame, *_ = env.step(env.game.action_index("R"))
        screen = env.render()
        assert screen is not None
        assert screen.shape == (224, 320, 3)
        grey = cv2.cvtColor(screen, cv2.COLOR_RGB2GRAY)
        np.testing.assert_array_equal(frame, cv2.resize(grey, (84, 84), interpolation=cv2.INTER_AREA))
        assert frame.std() > 5

    def test_no_picture_is_rendered_unless_asked_for(self, env: FightingEnv) -> None:
        env.reset()
        assert env.render() is None

    def test_variables_are_live_memory(self, env: FightingEnv) -> None:
        """What a step reads equals what stable-retro's own slower reading gives."""
        env.reset(seed=0)
        for action in np.random.default_rng(0).integers(0, 26, 60):
            env.step(int(action))
            env._data.update_ram()
            assert env.variables == env._data.lookup_all()

    def test_a_variable_named_like_our_own_infos_stays_readable(
        self, env: FightingEnv, states: tuple[str, ...]
    ) -> None:
        _, info = env.reset(options={"state": states[0]})
        assert info["state"] == states[0]
        assert env.variables["state"] == 0  # the dojo's own: the fighter stands

    def test_right_is_right(self, make_env: MakeEnv, states: tuple[str, ...]) -> None:
        env = make_env(max_noops=0)
        moved = {}
        for action in ("L", "R", "none"):
            _, info = env.reset(seed=0, options={"state": states[0]})
            for _ in range(40):
                _, _, _, _, last = env.step(env.game.action_index(action))
            moved[action] = last["x_position"] - info["x_position"]
        assert moved["L"] < moved["none"] < moved["R"]

    def test_the_reward_is_the_seeds_over_a_whole_match(self, env: FightingEnv, states: tuple[str, ...]) -> None:
        rng = np.random.default_rng(3)
        _, info = env.reset(seed=0, options={"state": states[2]})
        rewards, over, last = [], False, info
        while not over:
            for name in ("health", "enemy_health"):  # weak fighters, so that the match is short
                if env.variables[name] == 120:
                    env._data.set_value(name, 15)
            _, reward, terminated, truncated, info = env.step(int(rng.integers(0, 26)))
            before, after = (
                Fight(i["health"], i["enemy_health"], i["rounds_won"], i["enemy_rounds_won"]) for i in (last, info)
            )
            assert reward == DamageReward()(before, after, full_health=120)
            rewards.append(reward)
            last, over = info, terminated or truncated
        assert min(rewards) < 0 < max(rewards)
        episode = info["match"]
        assert episode["return"] == pytest.approx(sum(rewards))
        assert episode["env_steps"] == len(rewards)
        assert episode["state"] == states[2]
        assert episode["won"] is (info["rounds_won"] == 2)
        assert max(episode["rounds_won"], episode["enemy_rounds_won"]) == 2

    def test_a_perfect_match_earns_480(self, env: FightingEnv, states: tuple[str, ...]) -> None:
        """The opponent's health is taken away through memory; the game itself decides the rounds."""
        env.reset(seed=1, options={"state": states[0]})
        over = False
        while not over:
            if env.variables["phase"] == FIGHTING and env.variables["enemy_health"] > 0:
                env._data.set_value("enemy_health", 0)
            _, _, terminated, over, info = env.step(0)
            over = over or terminated
        assert terminated
        assert info["match"]["return"] == pytest.approx(480)
        assert info["match"]["won"] is True
        assert info["match"]["rounds_won"] == 2

    def test_baselines_come_from_memory(self, make_env: MakeEnv, states: tuple[str, ...]) -> None:
        """A match that begins with a round lost and low health is paid from there."""
        env = make_env(max_noops=0)
        env.reset(seed=1, options={"state": states[0]})
        env._data.set_value("health", 40)
        env._data.set_value("enemy_rounds_won", 1)
        raw = env._em.get_state()
        state_bytes = type(env.game).state_bytes
        try:
            type(env.game).state_bytes = lambda self, state: raw  # type: ignore[method-assign]
            _, info = env.reset(seed=1, options={"state": states[0]})
        finally:
            type(env.game).state_bytes = state_bytes  # type: ignore[method-assign]
        assert (info["health"], info["enemy_rounds_won"]) == (40, 1)
        _, reward, *_ = env.step(0)
        assert reward == 0

    def test_a_match_is_cut_off_at_the_limit_and_that_is_no_end(self, make_env: MakeEnv) -> None:
        env = make_env(max_env_steps=5)
        env.reset(seed=0)
        for _ in range(4):
            assert env.step(0)[2:4] == (False, False)
        *_, terminated, truncated, info = env.step(0)
        assert (terminated, truncated) == (False, True)
        assert info["match"]["env_steps"] == 5
        assert info["match"]["won"] is False
        with pytest.raises(ResetNeeded):
            env.step(0)

    def test_a_step_before_the_first_reset_or_off_the_table_is_refused(self, env: FightingEnv) -> None:
        with pytest.raises(ResetNeeded, match="call reset"):
            env.step(0)
        env.reset()
        for action in (-1, 26):
            with pytest.raises(ValueError, match=f"action must be 0 to 25, not {action}"):
                env.step(action)

    def test_a_held_attack_attacks_again_only_if_released(self, make_env: MakeEnv, states: tuple[str, ...]) -> None:
        attacks = {}
        for release in (0, 1):
            env = make_env(release_frames=release, max_noops=0)
            env.reset(seed=0, options={"state": states[0]})
            attacks[release] = self._count_attacks(env, "A")
        assert attacks[0] == 1
        assert attacks[1] >= 2

    @staticmethod
    def _count_attacks(env: FightingEnv, action: str) -> int:
        """Repeat an action and count how often an attack begins."""
        count, last = 0, None
        for _ in range(25):
            env.step(env.game.action_index(action))
            frames = env.variables["t"] if env.variables["state"] == ATTACK else None
            count += frames is not None and (last is None or frames < last)
            last = frames
        return count

    def test_frame_skip_is_the_number_of_frames(self, make_env: MakeEnv, states: tuple[str, ...]) -> None:
        positions = {}
        for skip, n_steps in ((1, 24), (4, 6), (8, 3)):
            env = make_env(frame_skip=skip, release_frames=0, max_noops=0)
            env.reset(seed=0, options={"state": states[0]})
            for _ in range(n_steps):
                *_, info = env.step(env.game.action_index("R"))
            positions[skip] = info["x_position"]
        assert positions[1] == positions[4] == positions[8] > 100


def test_another_render_mode_is_refused(make_env: MakeEnv) -> None:
    with pytest.raises(UserError, match="render_mode must be 'rgb_array' or None, not 'human'"):
        make_env(render_mode="human")
