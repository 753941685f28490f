"""Boxing with its own ROM: a real game from beginning to end."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mk_lightning.cli.main import main
from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.fighting_env import FightingEnv
from mk_lightning.envs.rewards import ScoreReward
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.games.catalog import load_game
from tests.boxing import import_boxing

WHOLE_MATCH = 1785
"""env_steps of two minutes."""
CONFIG = EnvConfig(release_frames=0, max_env_steps=1800, reward=ScoreReward())


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FightingEnv]:
    import_boxing(tmp_path / "retro", monkeypatch)
    with closing(FightingEnv("boxing", config=CONFIG, render_mode="rgb_array")) as env:
        yield env


def play(env: FightingEnv, seed: int) -> list[tuple[float, dict[str, Any]]]:
    """Play a match at random and return each reward and info."""
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    rows, over = [], False
    while not over:
        _, reward, terminated, truncated, info = env.step(int(rng.integers(0, 18)))
        over = terminated or truncated
        rows.append((reward, info))
    return rows


def test_a_match_is_two_minutes_and_its_return_is_the_difference_of_the_scores(env: FightingEnv) -> None:
    _, first = env.reset(seed=1)
    assert (first["health"], first["enemy_health"], first["clock"]) == (100, 100, 16 + 59)
    screen = env.render()
    assert screen is not None
    assert screen.shape == (210, 160, 3)
    assert screen[:, 8:].any(axis=(0, 2)).all()  # the console itself begins most lines with a black bar
    rows = play(env, seed=1)
    last = rows[-1][1]
    assert WHOLE_MATCH - 10 <= len(rows) <= WHOLE_MATCH  # a few frames passed before the first env_step
    assert (last["minutes"], last["seconds"]) == (0, 0)
    assert min(last["score1"], last["score2"]) > 5, "nobody was hit"
    assert last["match"]["return"] == last["score1"] - last["score2"]
    assert last["match"]["won"] is (last["score1"] > last["score2"])
    assert (last["health"], last["enemy_health"]) == (100 - last["score2"], 100 - last["score1"])


def test_the_hundredth_punch_ends_the_match(env: FightingEnv) -> None:
    env.reset(seed=3)
    for _ in range(25):
        env.step(0)
    env._data.set_value("score1_byte", 0x98)
    env.step(0)  # which sees the change, and pays for it
    rng, over = np.random.default_rng(0), False
    rewards = []
    while not over:
        _, reward, terminated, over, info = env.step(int(rng.integers(10, 18)))
        over = over or terminated
        rewards.append(reward)
    assert terminated
    assert info["clock"] > 0
    assert (info["score1_byte"], info["score1"]) == (0xC0, 20)  # as stable-retro reads it
    assert info["enemy_health"] == 0
    assert sum(reward for reward in rewards if reward > 0) == 2
    assert info["match"]["won"] is True
    assert (info["rounds_won"], info["enemy_rounds_won"]) == (1, 0)


def test_a_draw_ends_a_match_that_nobody_has_won(env: FightingEnv) -> None:
    env.reset(seed=3)
    for _ in range(5):
        env.step(0)
    env.config = replace(CONFIG, frame_skip=1)
    env._data.set_value("minutes", 0)
    env._data.set_value("seconds", 1)
    over = False
    while not over:  # while they still come towards each other
        for byte in ("score1_byte", "score2_byte"):
            env._data.set_value(byte, 7)
        _, _, over, _, info = env.step(0)
    assert (info["rounds_won"], info["enemy_rounds_won"]) == (1, 1)
    assert info["match"]["won"] is False


def test_a_match_can_be_captured_and_restored(env: FightingEnv) -> None:
    env.reset(seed=2)
    for action in range(60):
        env.step(action % 18)
    captured = env.capture()
    ahead = [env.step(action % 18)[1:] for action in range(60)]
    env.restore(captured)
    assert [env.step(action % 18)[1:] for action in range(60)] == ahead


def test_right_is_right_and_the_same_seed_is_the_same_match(env: FightingEnv) -> None:
    begun = []
    for action in ("L", "R", "R"):
        env.reset(seed=5)
        for _ in range(20):
            env.step(env.game.action_index(action))
        screen = env.render()
        assert screen is not None
        begun.append(screen.copy())
    assert not np.array_equal(begun[0], begun[1])
    assert np.array_equal(begun[1], begun[2])


def test_it_plays_in_processes_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import_boxing(tmp_path / "retro", monkeypatch)
    with closing(RetroVectorEnv("boxing", config=replace(CONFIG, frame_skip=60), num_envs=2)) as envs:
        envs.reset(seed=1)
        ended = 0
        for action in np.random.default_rng(0).integers(0, 18, WHOLE_MATCH * 4 // 60):
            *_, terminated, truncated, infos = envs.step(np.full(2, action))
            ended += int(terminated.sum())
            assert not truncated.any()
        assert ended == 2
        assert set(infos) >= {"health", "clock", "score1_byte"}


def test_it_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """The shipped config, for a few hundred env_steps of matches that are cut short; then a film."""
    import_boxing(tmp_path / "retro", monkeypatch)
    monkeypatch.chdir(tmp_path)
    small = [
        "--model.network.hidden=16",
        "--data.env.num_envs=2",
        "--data.env.max_env_steps=40",
        "--data.replay.capacity=2000",
        "--data.evaluation.num_envs=2",
        "--data.evaluation.matches=2",
        "--data.evaluation.test_matches=2",
        "--data.evaluation.test_epsilons=[0.0]",
    ]
    length = ["--data.max_env_steps=320", "--data.warmup_env_steps=80", "--data.evaluation.every=160"]
    length += ["--trainer.log_every_n_steps=10"]
    main(["fit", "-c", "configs/boxing/pretrain.yaml", *small, *length, "--run_dir=run"])
    with Path("run/metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["env_steps"]) for row in rows if row["val/return/original"]][-1] == 400
    assert any(row["loss"] for row in rows)
    evaluation = json.loads(Path("run/after.json").read_text())
    assert evaluation["game"] == load_game("boxing").id
    best = ["--ckpt_path=run/checkpoints/best.ckpt", "--run_dir=played"]
    main(["predict", "-c", "configs/boxing/pretrain.yaml", *small, *best])
    assert list(Path().rglob("films/Start-*.mp4"))
    assert "traceback" not in capfd.readouterr().err.lower()
