"""Films of the matches that a prediction plays."""

from __future__ import annotations

import logging
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer

from mk_lightning.callbacks.evaluation.match_recorder import MatchRecorder
from mk_lightning.data.fit_folder import run_folder
from mk_lightning.evaluation.evaluation import write_matches
from mk_lightning.evaluation.match import summarise
from mk_lightning.playback.recorder import FilmSettings, first_of_each_state, record_match
from mk_lightning.playback.rerun import ReplayEnv
from mk_lightning.utils.ranks import Ranks

log = logging.getLogger(__name__)


class FilmWriter(MatchRecorder):
    """Writes the matches of a prediction into the run's directory, and films the first ones of each state.

    Several ranks share the filming.

    `matches.csv` has a row per match; `films/` a film and a JSONL trace of each match filmed, `movies/` it as BK2.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(callbacks=[FilmWriter(FilmSettings(matches=1))])

    Args:
        settings: what is filmed, and how.

    Attributes:
        films: files of the last prediction.
    """

    def __init__(self, settings: FilmSettings | None = None) -> None:
        super().__init__()
        self.settings = settings or FilmSettings()
        self.films: list[Path] = []

    def on_predict_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Write the files; each film is told when it is there, with those of other ranks that are made meanwhile."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        folder, records, ranks = run_folder(trainer), self.records[0], Ranks.of(trainer)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [summarise(record, data.game, number) for number, record in enumerate(records, 1)]
        ranks.first(lambda: write_matches(folder / "matches.csv", rows))
        filmed = first_of_each_state(records, self.settings.matches)
        self.films = []
        with closing(ReplayEnv(data.game, config=data.env)) as env:
            for first in range(0, len(filmed), ranks.count):
                own = filmed[first:][ranks.rank : ranks.rank + 1]
                films = [record_match(env, record, pl_module.online, folder, self.settings) for record in own]
                self.films += chain.from_iterable(ranks.gather(films))
                if trainer.is_global_zero:
                    for number in range(first, len(self.films)):
                        won = "won" if filmed[number].result.won else "not won"
                        log.info(f"{number + 1}/{len(filmed)} {won}: {self.films[number]}")
