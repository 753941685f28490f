from __future__ import annotations

from typing import Any

from mk_lightning.callbacks.evaluation.match_recorder import MatchRecorder
from mk_lightning.experience.episodes import EpisodeBatch
from tests.evaluation.records import record

MATCHES = [record([k]) for k in range(6)]


def batch(begin: int, end: int) -> EpisodeBatch:
    return EpisodeBatch(MATCHES[begin:end], {}, 0.0)


NOBODY: Any = None
"""In the place of the trainer and the module, which are not looked at."""


def test_matches_are_kept_by_loader_and_forgotten_with_the_next_test():
    recorder = MatchRecorder()
    for _ in range(2):
        recorder.on_test_start(NOBODY, NOBODY)
        recorder.on_test_batch_end(NOBODY, NOBODY, None, batch(0, 2), 0)
        recorder.on_test_batch_end(NOBODY, NOBODY, None, batch(2, 3), 1)
        recorder.on_test_batch_end(NOBODY, NOBODY, None, batch(3, 5), 0, 1)
        assert recorder.records == [MATCHES[:3], MATCHES[3:5]]
    recorder.on_predict_start(NOBODY, NOBODY)
    recorder.on_predict_batch_end(NOBODY, NOBODY, None, batch(5, 6), 0)
    assert recorder.records == [MATCHES[5:]]
