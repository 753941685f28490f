"""A match played once more is the match: to the frame, and as a movie that stable-retro itself plays back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import stable_retro

from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.episodes import EpisodeRecord, EpisodeSpec, play_episodes
from mk_lightning.games.catalog import load_game
from mk_lightning.playback.rerun import Moment, ReplayEnv
from tests.experience.policies import fingerprints

CONFIG = EnvConfig(num_envs=1, frame_skip=3, release_frames=1, max_noops=20, max_env_steps=60)
SPEC = EpisodeSpec("Medium.Grapnel-07", 11)


@pytest.fixture(scope="module")
def played() -> EpisodeRecord:
    env = RetroVectorEnv("dojo", config=CONFIG)
    (record,) = play_episodes(fingerprints, env, [SPEC], epsilon=0.2)
    env.close()
    return record


@pytest.fixture
def env() -> Iterator[ReplayEnv]:
    env = ReplayEnv("dojo", config=CONFIG)
    yield env
    env.close()


def test_it_is_the_same_match(env: ReplayEnv, played: EpisodeRecord) -> None:
    moments = list(env.play_again(SPEC, played.trace.actions))
    assert env.result() == played.result
    for name, column in played.trace.variables.items():
        assert [moment.variables[name] for moment in moments] == column[1:].tolist()
    assert [moment.action for moment in moments] == played.trace.actions.tolist()
    assert moments[-1].total == pytest.approx(sum(moment.reward for moment in moments))


def test_the_observations_are_those_the_policy_saw(env: ReplayEnv, played: EpisodeRecord) -> None:
    """A policy that reads the pixels, played greedily, says the same to each of them."""
    vector = RetroVectorEnv("dojo", config=CONFIG)
    (greedy,) = play_episodes(fingerprints, vector, [SPEC])
    vector.close()
    stacks = np.stack([moment.stack for moment in env.play_again(SPEC, greedy.trace.actions)])
    assert fingerprints(stacks).tolist() == greedy.trace.actions.tolist()


def test_every_frame_is_shown(env: ReplayEnv, played: EpisodeRecord) -> None:
    moments = list(env.play_again(SPEC, played.trace.actions, skip=50))
    assert [len(moment.screens) for moment in moments] == [0] * 50 + [3] * (len(moments) - 50)
    assert moments[-1].screens[-1].shape == (224, 320, 3)
    assert len({screen.tobytes() for moment in moments for screen in moment.screens}) > 10


def test_stable_retro_plays_the_movie_back(env: ReplayEnv, played: EpisodeRecord, tmp_path: Path) -> None:
    path = tmp_path / "match.bk2"
    shown = [s for m in env.play_again(SPEC, played.trace.actions, movie=path) for s in m.screens]
    variables = env.variables
    env.close()
    screens, last = played_back(path)
    assert len(screens) >= len(shown)
    for mine, theirs in zip(shown, screens[-len(shown) :], strict=True):
        assert np.array_equal(mine, theirs)
    assert {name: last[name] for name in variables} == variables


def played_back(path: Path) -> tuple[list[np.ndarray], dict[str, int]]:
    """As stable_retro.scripts.playback_movie does, with the emulator alone: the state, then each frame's keys."""
    game = load_game("dojo")
    movie = stable_retro.Movie(str(path))
    assert movie.get_game() == game.id
    emulator = stable_retro.RetroEmulator(str(game.rom_path()))
    data = stable_retro.data.GameData()
    emulator.configure_data(data)
    emulator.step()
    data.load(str(game.folder / "data.json"), str(game.folder / "scenario.json"))
    emulator.set_state(movie.get_state())
    screens = []
    while movie.step():
        emulator.set_button_mask(np.array([movie.get_key(k, 0) for k in range(len(game.buttons))], np.uint8), 0)
        emulator.step()
        screens.append(emulator.get_screen())
    variables = data.lookup_all()
    del emulator
    return screens, variables


def test_leaving_early_leaves_the_environment_ready(env: ReplayEnv, played: EpisodeRecord, tmp_path: Path) -> None:
    moments = env.play_again(SPEC, played.trace.actions, movie=tmp_path / "x.bk2")
    first: Moment = next(moments)
    moments.close()  # type: ignore[attr-defined]
    again = next(env.play_again(SPEC, played.trace.actions))
    assert again.variables == first.variables
    assert np.array_equal(again.screens[0], first.screens[0])
