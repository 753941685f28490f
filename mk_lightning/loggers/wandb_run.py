"""A run in Weights & Biases."""

from __future__ import annotations

import contextlib
import io
import logging
import math
import os
import uuid
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from pytorch_lightning.utilities import rank_zero_only

from mk_lightning.evaluation.clips import Films
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.loggers.base import RunLogger
from mk_lightning.utils.errors import UserError
from mk_lightning.utils.files import write_text

log = logging.getLogger(__name__)

LOCAL = 60.0
"""Seconds that W&B may take to finish a run offline: only the disk is waited for."""

OUTCOME = ("before.json", "before.csv", "after.json", "after.csv", "before_after.json", "report.html")
"""Files of a finished fit that become an artifact."""


COLUMNS = ("state", "group", "before", "after", "change", "change_low", "change_high", "verdict")
"""Of the table of before and after; the change is of win rates, its ends those of the 95 % interval."""


class WandbRun(RunLogger):
    """Everything about a run in Weights & Biases, with env_steps along every axis.

    Figures as they are logged; a table of the states after every validation and test; the table and the chart of before
    and after, the report; the whole config; the best checkpoint and the evaluations as artifacts, with the checkpoint
    the run started from as their input. A run that is resumed continues the same W&B run: its id is kept in
    `wandb/run_id` in the run directory.

    Whatever becomes of W&B, the run goes on: without the package, a key or the network it is offline or absent, and
    what fails is said once. Lightning's WandbLogger has none of this, and counts in learner_steps.

    Args:
        project: W&B project; null: the environment's WANDB_PROJECT, else mk-lightning.
        entity: user or team; null: the key's own.
        name: of the W&B run; null: the environment's WANDB_NAME, else that of the run directory.
        group: of W&B runs, the seeds of one setting, say.
        tags: of the W&B run; null: the environment's WANDB_TAGS.
        mode: null is the environment's WANDB_MODE, else online where an API key is known and offline where not.
        patience: seconds to wait for the server at most, at the start and at the end.
    """

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        name: str | None = None,
        group: str | None = None,
        tags: Sequence[str] | None = None,
        mode: Literal["online", "offline"] | None = None,
        patience: float = 60.0,
    ) -> None:
        super().__init__()
        project = project or os.environ.get("WANDB_PROJECT") or "mk-lightning"
        self._options: dict[str, Any] = {"project": project, "entity": entity, "group": group, "tags": tags and [*tags]}
        self._name = name
        self._mode = mode
        self._patience = patience
        self._run: Any = None
        self._folder: Path | None = None
        self._begun = False
        self._env_steps = 0.0

    # -- Lightning's interface ---------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The project."""
        return str(self._options["project"])

    @property
    def version(self) -> str:
        """The id of the W&B run; empty before it has begun."""
        return self._run.id if self._run else ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log a row, and the tables it makes; `step` is in learner_steps.

        W&B drops a row whose step it has: those that a resumed run repeats equal the ones it logged before.
        """
        if not self._begun:  # by a plain Trainer, which tells no logger that a run begins
            self.begin(Path.cwd(), "fit", {})
        row: dict[str, Any] = {name: value for name, value in metrics.items() if name != "epoch"}
        self._env_steps = row.get("env_steps", self._env_steps)

        def send(run: Any) -> None:
            run.log(row | self._state_tables(row), step=step)

        self._tell("logging", send)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Nothing: `begin` takes the whole config."""

    # -- a run's course ----------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Check that the arguments can be used; the constructor's errors would be hidden by the parser.

        Raises:
            UserError: no patience.
        """
        if not 0 < self._patience < math.inf:
            raise UserError(f"trainer.logger: patience must be above 0 s and finite, got {self._patience:g}")

    @rank_zero_only
    def begin(self, folder: Path, command: str, config: Mapping[str, Any], *, resumed: bool = False) -> None:
        """Start the W&B run, or continue it.

        Args:
            folder: the run directory.
            command: fit, validate, test or predict: the W&B run's job type.
            config: the whole config.
            resumed: continue the W&B run of this directory.
        """
        self._folder, self._begun = folder, True
        try:
            import wandb
        except ImportError:
            log.warning("W&B: the package is missing (pip install wandb); the run goes on without it")
            return
        mode: Any = self._mode or os.environ.get("WANDB_MODE") or ("online" if key_is_known() else "offline")
        run_id = _run_id(folder, resumed=resumed)
        for attempt in dict.fromkeys((mode, "offline")):
            try:
                self._run = wandb.init(
                    **self._options,
                    name=self._name or os.environ.get("WANDB_NAME") or folder.name,
                    job_type=command,
                    id=run_id,
                    resume="allow",
                    reinit="create_new",  # whatever else of W&B's runs in this process is somebody else's
                    dir=folder.absolute(),  # W&B's own process may have been started in another directory
                    mode=attempt,
                    config=dict(config),
                    settings=wandb.Settings(
                        console="off",
                        silent=True,
                        init_timeout=self._patience,
                        finish_timeout=self._patience if attempt == "online" else LOCAL,
                    ),
                )
                break
            except Exception as error:  # whatever W&B does, the run goes on
                log.warning(f"W&B: no {attempt} run ({_one_line(error)})")
                _disconnect()
        self._tell("logging", _axes)
        if self._run is not None and self._run.offline:
            log.info(f"W&B: offline; to upload: {self._sync_command}")

    @rank_zero_only
    def use_checkpoint(self, path: Path) -> None:
        """Note that the run starts from a checkpoint, or plays it."""

        def send(run: Any) -> None:
            # W&B's use_artifact refuses to work offline; this is what it calls for a file that is there.
            run._log_artifact(
                _artifact(_model_name(path), "model", [path]), is_user_created=True, use_after_commit=True
            )

        self._tell("noting the checkpoint", send)

    @rank_zero_only
    def log_evaluation(self, evaluation: Evaluation, files: Sequence[Path]) -> None:
        """Log what a test found, and its files as an artifact."""

        def send(run: Any) -> None:
            run.log_artifact(_artifact(f"{self._label}-epsilon-{evaluation.epsilon:g}", "evaluation", files))

        self._tell("logging the evaluation", send)

    @rank_zero_only
    def log_outcome(self, comparison: Comparison, checkpoint: Path | None, films: Films) -> None:
        """Log what a fit brought: tables, charts, the report, the evaluations and the best checkpoint.

        Args:
            comparison: the evaluations before and after.
            checkpoint: what the second of them played.
            films: of their matches.
        """
        folder = self._folder or Path()
        groups = comparison.before.groups
        changes = [(state, group, comparison.state(state)) for group, states in groups.items() for state in states] + [
            (f"mean of {group}", group, comparison.over(states)) for group, states in groups.items()
        ]
        rows = [[name, group, c.before, c.after, c.change, *c.interval, c.verdict] for name, group, c in changes]
        columns: list[str | int] = list(COLUMNS)

        def send(run: Any) -> None:
            import wandb

            points = wandb.Table(["state", "points"], [[name, 100 * change.change] for name, _, change in changes])
            clips = {
                f"clips/{headline}, {clip.caption}": wandb.Video(io.BytesIO(clip.content), format="mp4")
                for headline, pair in films
                for clip in pair
            }
            run.log(
                clips
                | {
                    "env_steps": self._env_steps,
                    "before_after": wandb.Table(columns, rows),
                    "before_after/change": wandb.plot.bar(points, "state", "points", title="Change of the win rate"),
                    "report": wandb.Html((folder / "report.html").read_text(encoding="utf-8"), inject=False),
                }
            )
            for group, states in groups.items():
                change = comparison.over(states)
                run.summary[f"before/{group}"] = change.before
                run.summary[f"after/{group}"] = change.after
                run.summary[f"change/{group}"] = change.change
            if checkpoint is not None:
                run.log_artifact(_artifact(_model_name(checkpoint), "model", [checkpoint]), aliases=["best"])
            run.log_artifact(_artifact(f"{self._label}-outcome", "evaluation", [folder / name for name in OUTCOME]))

        self._tell("logging the outcome", send)

    @rank_zero_only
    def end(self) -> str:
        """Finish the W&B run.

        Returns:
            Where it is to be found, a line for the user; empty when there is none.
        """
        self._tell("finishing", lambda run: run.finish())
        run, self._run = self._run, None
        if run is None or run.disabled:
            return ""
        return f"W&B: {self._sync_command}" if run.offline else f"W&B: {run.url}"

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Finish the W&B run of a run that has failed."""
        if status != "success":
            self._tell("finishing", lambda run: run.finish(exit_code=1))
            self._run = None

    # -- private -----------------------------------------------------------------------------------------------------

    @property
    def _label(self) -> str:
        return _safe(self._folder.name if self._folder else "run")

    @property
    def _sync_command(self) -> str:
        return f"wandb sync {quote(str(self._folder))}/wandb/offline-run-*"

    def _tell(self, what: str, send: Callable[[Any], None]) -> None:
        """Do something with the W&B run; if that fails, say so and go on without."""
        if self._run is None:
            return
        try:
            send(self._run)
        except Exception as error:  # whatever W&B does, the run goes on
            log.warning(f"W&B: {what} failed ({_one_line(error)}); the run goes on without it")
            self._run = None
            _disconnect()

    def _state_tables(self, row: Mapping[str, float]) -> dict[str, Any]:
        """A table for each of `val`, `test/epsilon_0`, ... that the row has win rates of."""
        import wandb

        figures = ("win_rate", "win_rate_low", "win_rate_high", "return", "env_steps")
        prefixes = dict.fromkeys(name.partition("/win_rate/")[0] for name in row if "/win_rate/" in name)
        tables = {}
        for prefix in prefixes:
            start = f"{prefix}/win_rate/"
            states = [name.removeprefix(start) for name in row if name.startswith(start)]
            data = [[state, *(row[f"{prefix}/{figure}/{state}"] for figure in figures)] for state in states]
            tables[f"{prefix}/states"] = wandb.Table(["state", *figures], data)
        return tables


def _axes(run: Any) -> None:
    run.define_metric("env_steps")
    run.define_metric("*", step_metric="env_steps")


def _artifact(name: str, kind: str, files: Sequence[Path]) -> Any:
    import wandb

    artifact = wandb.Artifact(name, kind)
    for file in files:
        artifact.add_file(str(file))
    return artifact


def _model_name(path: Path) -> str:
    """Name of a checkpoint's artifact: the same whether a run makes it or starts from it."""
    return _safe(f"{path.parent.parent.name}-{path.stem}" if path.stem in {"best", "last"} else path.stem)


def _safe(name: str) -> str:
    """What W&B takes for a name, of whose letters it knows the English ones alone."""
    return "".join(letter if (letter.isascii() and letter.isalnum()) or letter in "-_." else "-" for letter in name)


def _run_id(folder: Path, *, resumed: bool) -> str:
    kept = folder / "wandb" / "run_id"
    if resumed and kept.is_file():
        return kept.read_text(encoding="utf-8").strip()
    run_id = os.environ.get("WANDB_RUN_ID") or uuid.uuid4().hex[:8]  # a sweep's agent gives the id
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_text(kept, f"{run_id}\n")
    return run_id


def key_is_known() -> bool:
    """Whether W&B would find an API key without asking: in the environment, or where `wandb login` puts it."""
    import wandb
    from wandb.sdk.lib.wbauth import read_netrc_auth

    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return read_netrc_auth(host=wandb.setup().settings.base_url) is not None
    except Exception:  # a key that is none, a file that cannot be read
        return False


def _disconnect() -> None:
    """Forget W&B's process, so that the next run has a new one and a dead one says nothing when Python ends."""
    import wandb

    with contextlib.suppress(Exception):
        wandb.teardown()


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
