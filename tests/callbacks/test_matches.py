from __future__ import annotations

import csv

from mk_lightning.callbacks import MatchesCSV
from mk_lightning.envs import EpisodeResult
from mk_lightning.experience import EpisodeRecord, EpisodeSpec


def record(k: int) -> EpisodeRecord:
    result = EpisodeResult(
        env_index=9,
        state=f"s{k % 2}",
        won=k % 2 == 0,
        truncated=k == 3,
        episode_return=10 * k + 1 / 3,
        env_steps=100 + k,
        rounds_won=k % 3,
        enemy_rounds_won=2,
    )
    return EpisodeRecord(EpisodeSpec(f"s{k % 2}", 70 + k), result)


def test_a_row_for_every_match(tmp_path):
    path = tmp_path / "matches.csv"
    path.write_text("of a run before\n")
    callback = MatchesCSV(path)
    for batch in ([record(0), record(1)], [record(2), record(3)], [record(4)]):
        callback.write_on_batch_end(None, None, batch, None, [], 0, 0)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {
            "episode": str(k + 1),
            "state": f"s{k % 2}",
            "seed": str(70 + k),
            "reward": str(10 * k + 0.333),
            "won": str(int(k % 2 == 0)),
            "truncated": str(int(k == 3)),
            "rounds_won": str(k % 3),
            "enemy_rounds_won": "2",
            "env_steps": str(100 + k),
        }
        for k in range(5)
    ]
