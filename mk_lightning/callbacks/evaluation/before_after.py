"""What a fit was worth: the same matches before and after it."""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import torch
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import ModelCheckpoint
from rich.table import Table

from mk_lightning.callbacks.base_validation import base_validation, log_scores
from mk_lightning.callbacks.checkpoints.best import BestCheckpoint
from mk_lightning.callbacks.progress import BASE, RESULT, counted, show_table
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.fit_folder import ANOTHER_FOLDER, run_folder
from mk_lightning.envs.config import with_default_reward
from mk_lightning.evaluation.before_after import BeforeAfterScores
from mk_lightning.evaluation.clips import film_lost, film_pairs
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation, write_matches
from mk_lightning.evaluation.next_round import lost_states, told
from mk_lightning.evaluation.tables import evaluation_table
from mk_lightning.loggers.base import RunLogger
from mk_lightning.metrics.match_scores import MatchScores
from mk_lightning.networks.checkpoint import load_matching, read_checkpoint
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import as_named, write_text
from mk_lightning.utils.network_copies import bare_copy
from mk_lightning.utils.program import program
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.run_files import BEST, CHECKPOINTS, LAST

log = logging.getLogger(__name__)

BEFORE = "before"
"""Key of the callback's state: `before.json`, compressed by zlib, so that no run loses what it started from."""
MAX_BYTES = 2**30
"""Of that file, unpacked."""
FILM = "before.mp4"
AS_IT_WAS = "a run is resumed with the evaluation it had; test its checkpoint for another"


class BeforeAfter(Callback):
    """Measures the policy that a fit starts from and the best one that it ends with, on the same matches.

    The matches are those of a test (`EvaluationSettings.test_matches` of every state). The best policy is that of
    `BestCheckpoint`, or of the first `ModelCheckpoint` with a monitor; without either, the weights at the end. The
    module keeps the weights it has at the end.

    Writes into the run's directory (that of the first logger, else `default_root_dir`): `before.json`, `after.json` and
    as `.csv` a row per match, `before.mp4` of a match that is lost, `before_after.json`, `before_after.txt` and
    `report.html`; gives them to every `RunLogger`; and logs the metrics of both tests and of a validation before the
    training.

    A resumed fit is measured on the matches it began with, or refused.

    Example:
        >>> from pytorch_lightning import Trainer
        >>> trainer = Trainer(callbacks=[BeforeAfter()])

    Attributes:
        before: what the policy was; None before a fit.
        after: what became of it; None before the end of a fit.
        checkpoint: the file that `after` played; None where there was none.
        env_steps: collected before that policy was saved.
    """

    def __init__(self) -> None:
        self.before: Evaluation | None = None
        self.after: Evaluation | None = None
        self.checkpoint: Path | None = None
        self.env_steps = 0
        self._packed: bytes | None = None

    @property
    def comparison(self) -> Comparison:
        """What changed, state by state.

        Raises:
            UserError: no fit has ended.
        """
        if self.before is None or self.after is None:
            raise UserError("BeforeAfter: nothing to compare, no fit has ended")
        return Comparison(self.before, self.after)

    def table(self) -> Table:
        """The win rates before and after, for `rich.print`."""
        return self._scores().table()

    def on_fit_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Measure the policy before it is trained; a resumed fit was measured when it began.

        Raises:
            UserError: what a resumed fit began with is lost, or played other matches.
        """
        folder, data = run_folder(trainer), _data(trainer)
        fresh = trainer.ckpt_path is None and (trainer.global_step == 0 or self.before is None)
        left = (folder / "after.json", folder / CHECKPOINTS / LAST, folder / CHECKPOINTS / BEST)
        if fresh and any(path.exists() for path in left):
            raise UserError(f"BeforeAfter: {folder} has the results of another fit; {ANOTHER_FOLDER}")
        folder.mkdir(parents=True, exist_ok=True)
        if trainer.ckpt_path is not None:
            path, packed = folder / "before.json", self._packed
            self.before = Ranks.of(trainer).first(lambda: _restored(path, packed, str(trainer.ckpt_path), data))
        elif fresh:
            base_validation(trainer, pl_module)
            self.before = self._measure(trainer, bare_copy(pl_module.online), as_named(pl_module.origin), BASE)
            Ranks.of(trainer).first(partial(self._write_before, trainer, folder))
        if trainer.is_global_zero:
            self._packed = zlib.compress((folder / "before.json").read_bytes())
        self.after = None

    def on_fit_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Measure the best checkpoint, compare, and write the results."""
        folder = run_folder(trainer)
        network = bare_copy(pl_module.online)
        self.checkpoint = best = _best(trainer)
        self.env_steps = pl_module.env_steps
        if best is not None:
            content = read_checkpoint(best)
            load_matching(network, content["state_dict"])
            self.env_steps = content["env_steps"]
        self.after = self._measure(
            trainer, network.to(trainer.strategy.root_device), str(best or "weights at the end"), RESULT
        )
        Ranks.of(trainer).first(partial(self._write_after, trainer, folder))

    def check_resumed(self, run: Path, checkpoint: Mapping[str, Any], data: ExperienceDataModule) -> None:
        """Check that a fit which is to be resumed would be measured on the matches it began with.

        Args:
            run: the run's directory.
            checkpoint: what it holds.
            data: of the resumed fit.

        Raises:
            UserError: they are lost or would be others.
        """
        packed = (checkpoint.get("callbacks") or {}).get(self.state_key, {}).get(BEFORE)
        _check_same_matches(_read(run / "before.json", packed)[0], run / "before.json", data)

    def state_dict(self) -> dict[str, Any]:
        """The matches before the fit."""
        return {BEFORE: self._packed}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the matches before the fit."""
        self._packed = state_dict[BEFORE]

    def _scores(self) -> BeforeAfterScores:
        before, after = self.comparison.before, self.comparison.after
        return BeforeAfterScores(before.groups, before.scores(), after.scores())

    def _measure(self, trainer: Trainer, network: torch.nn.Module, policy: str, phase: str) -> Evaluation:
        data = _data(trainer)
        epsilon = data.evaluation.epsilon
        batches = counted(trainer, phase, data.matches(network, data.test_specs(), epsilon))
        records = [record for batch in batches for record in batch.records]
        scores = MatchScores(data.state_groups)
        scores.update(record.result for record in records)
        log_scores(trainer, f"test/epsilon_{epsilon:g}", scores)
        return Evaluation.of(
            records, data.game, policy=policy, epsilon=epsilon, env=data.env.episode_options, groups=data.state_groups
        )

    def _write_before(self, trainer: Trainer, folder: Path) -> None:
        assert self.before is not None
        data = _data(trainer)
        self.before.write(folder / "before.json")
        show_table(trainer, evaluation_table(self.before))
        _check_originals(self.before, folder, data.evaluation.lost_originals)
        if (match := film_lost(self.before, folder / FILM, data.game)) is not None:
            log.info(f"{folder / FILM} shows how it does not win {match.state}")

    def _write_after(self, trainer: Trainer, folder: Path) -> None:
        assert self.after is not None
        self.after.write(folder / "after.json")
        self._scores().write(folder)
        self._report(trainer, folder)

    def _report(self, trainer: Trainer, folder: Path) -> None:
        from mk_lightning.evaluation.report import write_report  # matplotlib takes half a second to load

        for logger in trainer.loggers:
            logger.save()  # the curves are drawn from metrics.csv
        films = film_pairs(self.comparison, game=_data(trainer).game)
        metrics, config = (
            path if (path := folder / name).is_file() else None for name in ("metrics.csv", "config.yaml")
        )
        write_report(folder / "report.html", self.comparison, films, metrics=metrics, config=config)
        for logger in trainer.loggers:
            if isinstance(logger, RunLogger):
                logger.log_outcome(self.comparison, self.checkpoint, films)


def _data(trainer: Trainer) -> ExperienceDataModule:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, ExperienceDataModule):
        raise UserError("BeforeAfter: the fit needs an ExperienceDataModule, which knows the matches")
    return data


def _check_originals(before: Evaluation, folder: Path, then: str) -> None:
    """Tell of original states that the policy does not win, before it is trained to hold on to them.

    Raises:
        UserError: there are any, and `then` is `stop`.
    """
    lost = lost_states(before, states=before.groups.get("original", ()))
    if not lost:
        return
    said = (
        f"{before.policy} does not win {len(lost)} of its {len(before.groups['original'])} original states: "
        f"{told(before, lost)}; methods that keep what it knows would keep that. To fine-tune for them, make them "
        f"challenging: {program()} weak {quote(str(folder / 'before.json'))}"
    )
    if then == "stop":
        raise UserError(f"{said} (EvaluationSettings.lost_originals is stop)")
    log.warning(said)


def _best(trainer: Trainer) -> Path | None:
    """The best checkpoint of a fit; if a resumed run has lost its own, one of the weights at the end."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    for callback in callbacks:
        if isinstance(callback, BestCheckpoint):
            if not callback.best_model_path:  # no validation, or a resumed run had lost it and none came after
                log.warning(f"no {callback.path}: the weights at the end take its place")
                trainer.save_checkpoint(callback.path, weights_only=True)
            return callback.path
    for callback in callbacks:
        if isinstance(callback, ModelCheckpoint) and callback.monitor and callback.best_model_path:
            return Path(callback.best_model_path)
    return None


def _read(path: Path, packed: object) -> tuple[Evaluation, str | None]:
    """The matches before a fit, and their file's text and why it is needed where that is lost."""
    try:
        return Evaluation.read(path), None
    except UserError as error:
        if not isinstance(packed, bytes):
            raise UserError(
                f"{error}; a fit that began without BeforeAfter is resumed without it, and measured by itself"
            ) from None
        try:
            text = zlib.decompressobj().decompress(packed, MAX_BYTES).decode()
        except (zlib.error, UnicodeDecodeError):
            raise error from None
        return Evaluation.parse(text, path), str(error)


def _restored(path: Path, packed: bytes | None, checkpoint: str, data: ExperienceDataModule) -> Evaluation:
    """Give a resumed run its `before.json` and `before.csv` back, from the checkpoint where they are lost."""
    evaluation, lost = _read(path, packed)
    _check_same_matches(evaluation, path, data)
    if lost is not None:
        assert packed is not None
        log.warning(f"{lost}; it is restored from {checkpoint}")
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, zlib.decompress(packed).decode())
    write_matches(path.with_suffix(".csv"), evaluation.matches)  # a copy, which may be lost or cut short
    return evaluation


def _check_same_matches(before: Evaluation, path: Path, data: ExperienceDataModule) -> None:
    """Check that the matches after the fit will be those before it, or nothing could be compared."""
    had_env, has_env = with_default_reward(before.env), with_default_reward(data.env.episode_options)
    pairs: list[tuple[str, object, object]] = [
        (f"EnvConfig.{name}", had_env.get(name), value) for name, value in has_env.items()
    ]
    pairs.append(("EvaluationSettings.epsilon", before.epsilon, data.evaluation.epsilon))
    for name, had, has in pairs:
        if had != has:
            raise UserError(f"{name} was {had} in the matches before the fit ({path}), now it is {has}: {AS_IT_WAS}")
    if sorted((m.state, m.seed) for m in before.matches) != sorted((s.state, s.seed) for s in data.test_specs()):
        raise UserError(
            f"the matches before the fit ({path}) are not those of this config's evaluation settings (test_matches, "
            f"test_seed, mixed): {AS_IT_WAS}"
        )
