"""Fine-tune a checkpoint in one call: what `mk-lightning fit` does with a shipped config and a recipe."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import Logger
from rich.table import Table

from mk_lightning.callbacks.checkpoints.signals import Interruption
from mk_lightning.callbacks.methods.base import lacking_methods
from mk_lightning.checkpointing.run_directory import AUTO, RunDirectory
from mk_lightning.evaluation.before_after import BeforeAfterScores
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.next_round import lost_states
from mk_lightning.experience.match_seeds import MAX_SEED
from mk_lightning.networks.checkpoint import read_checkpoint
from mk_lightning.utils.errors import UserError, check_between
from mk_lightning.utils.files import check_directory, find_file, write_text
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.run_files import BEST, CHECKPOINTS
from mk_lightning.utils.trainer_checks import check_experience_trainer
from mk_lightning.workflows.preflight import check_fit
from mk_lightning.workflows.process import run_process
from mk_lightning.workflows.recipe import Recipe, config_files, read_recipe
from mk_lightning.workflows.run_events import begin_run, check_loggers, end_run
from mk_lightning.workflows.run_parts import fit_callbacks, named_loggers, run_loggers
from mk_lightning.workflows.stopped import answering
from mk_lightning.workflows.trainer_options import undone_by_mistakes

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FineTuned:
    """What a fine-tuning has come to.

    Attributes:
        run_dir: directory of the run; `mk-lightning fit -c RUN/config.yaml --ckpt_path RUN/checkpoints/last.ckpt`
            continues it.
        checkpoint: file of the best policy, for `DuelingDoubleDQN.load_from_checkpoint` and the next fine-tuning.
        comparison: of the test matches before and after, state by state.
    """

    run_dir: Path
    checkpoint: Path
    comparison: Comparison

    @property
    def lost(self) -> list[str]:
        """States that are still lost (below 60 %), the weakest first: what the next round is for."""
        return lost_states(self.comparison.after)

    @property
    def won(self) -> list[str]:
        """The other states: what the next round is to keep."""
        return [state for state in self.comparison.after.states if state not in self.lost]

    def table(self) -> Table:
        """Return the win rates before and after."""
        before, after = self.comparison.before, self.comparison.after
        return BeforeAfterScores(before.groups, before.scores(), after.scores()).table()

    def __rich__(self) -> Table:
        """The table, for `rich.print`."""
        return self.table()

    def report(self) -> Path:
        """Return the file of the report, an HTML page on its own."""
        return self.run_dir / "report.html"

    @classmethod
    def read(cls, run_dir: Path) -> FineTuned:
        """Return what the fit in a run's directory has come to.

        Raises:
            UserError: a file of it is missing or damaged.
        """
        before, after = (Evaluation.read(run_dir / f"{name}.json") for name in ("before", "after"))
        return cls(run_dir, run_dir / CHECKPOINTS / BEST, Comparison(before, after))


def finetune(
    checkpoint: str | Path,
    game: str = "dojo",
    *,
    challenging: str | Sequence[str] | None = None,
    original: str | Sequence[str] | None = None,
    recipe: str | Path | Sequence[str | Path] = "recommended",
    env_steps: int | None = None,
    run_dir: str | Path = "runs/finetune",
    resume: bool = False,
    seed: int = 1,
    loggers: Sequence[Logger] = (),
) -> FineTuned:
    """Fine-tune a policy on the states it loses, and measure it before and after.

    It is the run of `mk-lightning fit -c configs/<game>/finetune.yaml -c configs/<game>/<recipe>.yaml`, bit for bit,
    with these arguments in place of the config's; of a game without configs, the dojo's. Either continues the other's.
    Like it, it sets torch's threads (`torch_threads`), which are part of what makes two runs equal. What a run says of
    itself, such as `env_steps` that were rounded, goes to the logger `mk_lightning` as INFO, which Python shows after
    `logging.basicConfig(level=logging.INFO)`.

    Args:
        checkpoint: the policy to begin with: a shipped checkpoint, `best.ckpt` of a run, or any of a
            `DuelingDoubleDQN` with the recipe's network.
        game: id, alias or path of a `game.yaml`.
        challenging: names, tiers or patterns of the states that the fine-tuning is for; None takes the config's.
        original: the same of the states that are not to be forgotten.
        recipe: name of a shipped overlay (`recommended`, `ewc`, `cloning`, ...), file of your own, or several of them,
            each laid over those before it; `()` fine-tunes plainly.
        env_steps: env_steps to train for; None takes the config's. More of them extend a run that is resumed, by epochs
            as long as it had.
        run_dir: directory of the run; a number is added when it exists.
        resume: continue the newest run at `run_dir`, if there is one, which must be of the same checkpoint, states and
            seed, and whose methods the recipe must have. A finished one is only read.
        seed: of the run.
        loggers: beside `metrics.csv` and `tensorboard/`, such as `WandbRun()`.

    Raises:
        UserError: an argument cannot be used.
        RunStopped: the run was stopped by a signal, a full disk or dead workers, or has diverged; `resume` goes on.

    Example:
        >>> lost = ["VeryHard.Kestrel-05", "VeryHard.Grapnel-07"]
        >>> result = finetune("checkpoints/dojo-base.ckpt", challenging=lost)  # doctest: +SKIP
        >>> rich.print(result)  # doctest: +SKIP
        >>> finetune(result.checkpoint, challenging=result.lost, original=result.won)  # doctest: +SKIP
    """
    check_directory("run_dir", run_dir)
    check_between("seed", seed, 0, MAX_SEED)
    if isinstance(recipe, Mapping):
        raise UserError(f"recipe must be a name, a file or several, got a {type(recipe).__name__}; write it to a file")
    given: dict[str, Any] = {
        "seed_everything": seed,
        "run_dir": str(run_dir),
        "model.init_from": str(checkpoint),
        "data.game": game,
        "data.original_states": _names(original),
        "data.challenging_states": _names(challenging),
        "data.max_env_steps": env_steps,
    }
    with run_process() as process:
        process.take()
        files = config_files(
            game,
            [recipe] if isinstance(recipe, (str, Path)) else recipe,
            states_given=None not in (original, challenging),
        )
        run = RunDirectory.choose("fit", Path(run_dir), AUTO if resume else None)
        if run.epoch is not None and isinstance(env_steps, int):  # an epoch stays as long as it was, whatever the run
            given["data.max_env_steps"] = max(1, round(env_steps / run.epoch)) * run.epoch
            given["data.evaluation.every"] = run.epoch
        changes = {name: value for name, value in given.items() if value is not None}
        made = read_recipe(files, changes, begins=run.checkpoint is None)
        if made.trainer.strategy != "auto":
            raise UserError("finetune runs in this process alone; mk-lightning fit runs on several devices")
        check_loggers([*named_loggers(made.trainer.logger), *loggers])
        if run.checkpoint is not None:
            _check_continues(run, checkpoint, made.callbacks)
        check_fit(made.model, made.data, made.callbacks, run, made.monitor, str(checkpoint))
        stopping = any(isinstance(callback, EarlyStopping) for callback in made.callbacks)
        if not run.is_finished(made.data.length.env_steps, may_end_early=stopping):
            run = _fit(made, run, loggers, str(checkpoint))
        return FineTuned.read(run.path)


def _fit(made: Recipe, run: RunDirectory, loggers: Sequence[Logger], start: str) -> RunDirectory:
    """Fit, and return the directory that it was given."""
    run, lease = run.acquire()
    interruption = Interruption("starting")
    with undone_by_mistakes(lease):
        own = {
            "default_root_dir": run.path,
            "logger": [*run_loggers(run, made.trainer.logger), *loggers],
            "callbacks": [*made.callbacks, *fit_callbacks(run, made.monitor, made.checkpoint, interruption)],
        }
        trainer = Trainer(**made.trainer.as_dict() | own)
        check_experience_trainer(trainer)
        made.model.check_fit(trainer)
    try:
        with answering("fit", run.path, Ranks(), interruption):
            write_text(run.path / "config.yaml", made.text)
            begin_run(trainer.loggers, "fit", run, yaml.safe_load(made.text), start)
            trainer.fit(made.model, made.data, ckpt_path=run.checkpoint, weights_only=True)
            for said in end_run(trainer.loggers):
                log.info(said)
    finally:
        lease.release()
    return run


def _check_continues(run: RunDirectory, checkpoint: str | Path, callbacks: Sequence[Callback]) -> None:
    """Check that the run which is to be resumed began with what is asked for.

    Args:
        run: its directory and its checkpoint.
        checkpoint: that it is to have begun with.
        callbacks: of the recipe.

    Raises:
        UserError: it began with another checkpoint, or has methods that the recipe lacks.
    """
    assert run.checkpoint is not None
    if lacking := lacking_methods(callbacks, read_checkpoint(run.checkpoint)):
        raise UserError(
            f"{run.path} was fine-tuned with {', '.join(lacking)}, which the recipe lacks: give the one that the run "
            f"had ({run.path}/config.yaml has all of it), or another run_dir"
        )
    try:
        began = Evaluation.read(run.path / "before.json").policy
    except UserError:
        return  # the file is lost, and the fit restores it from its checkpoint
    if find_file(began).resolve() != find_file(checkpoint).resolve():
        raise UserError(f"{run.path} began with {began}, not with {checkpoint}; another run_dir begins a run")


def _names(states: str | Sequence[str] | None) -> list[str] | None:
    return [states] if isinstance(states, str) else None if states is None else list(states)
