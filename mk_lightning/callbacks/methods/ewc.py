"""Elastic weight consolidation: hold on to the weights that matter for what the fighter knows."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.callbacks.methods.added_gradient import gradient_share, learning_parameters, norm
from mk_lightning.callbacks.methods.base import FineTuningMethod, q_network
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings_checks import require_originals
from mk_lightning.experience.random_streams import RandomStream, torch_stream
from mk_lightning.learning.fisher import Estimator, fisher_diagonal, normalised, sample_actions
from mk_lightning.utils.errors import UserError, check_between, check_positive
from mk_lightning.utils.memory import memory
from mk_lightning.utils.network_copies import bare_copy
from mk_lightning.utils.tensor_files import read_tensors, write_tensors
from mk_lightning.utils.trainer_checks import log_is_due

log = logging.getLogger(__name__)

FILE = "fisher.pt"
"""In the run directory: this run's task, for a later run's `files`."""

BYTES_PER_SAMPLE = 2 * 4 * 84 * 84
"""A drawn transition's two observations."""

Task = dict[str, dict[str, torch.Tensor]]
"""`fisher` and `anchor`, each by parameter name."""


class ElasticWeightConsolidation(FineTuningMethod):
    """Adds the gradient of `strength / 2 * sum(F * (w - w*)**2)` (Kirkpatrick 2017, arXiv:1612.00796, equation 3).

    w* are the weights training starts from, F the diagonal of the Fisher information, estimated from the base policy's
    play on the original states before the first learner_step (`RecordingSettings`) and divided by its mean. So
    `strength` is the rate of an L2 pull of the same total stiffness, and means the same whatever the game's rewards. F
    and w* are written to `fisher.pt` in the run directory.

    Args:
        strength: lambda of the paper, for a Fisher information of mean 1.
        estimator: `q_value` or `policy`, see `fisher_diagonal`.
        samples: env_steps the Fisher information is estimated from, on each rank; at most 1,000,000, and as many as fit
            into memory. Drawn with replacement, so more than `RecordingSettings.env_steps` add little.
        temperature: of the `policy` estimator's softmax, learning units.
        files: `fisher.pt` of earlier runs, a task each.
        estimate: also estimate one for this run's start; off, the files are all there is.
        online_decay: null keeps every task with weights of its own; a number between 0 and 1 keeps one sum, in which
            each task counts by this factor less than the next, around the latest weights (Schwarz 2018,
            arXiv:1805.06370).

    Raises:
        UserError: an argument out of range.
    """

    def __init__(
        self,
        strength: float = 1.0,
        estimator: Estimator = "q_value",
        samples: int = 1024,
        temperature: float = 0.1,
        files: list[str] | None = None,
        estimate: bool = True,
        online_decay: float | None = None,
    ) -> None:
        name = self._name
        if not (math.isfinite(strength) and strength > 0):
            raise UserError(f"{name}: strength must be above 0, got {strength}")
        check_between(f"{name}: samples", samples, 1, min(10**6, memory() // BYTES_PER_SAMPLE), "env_steps")
        check_positive(f"{name}: temperature", temperature)
        if online_decay is not None and not 0 <= online_decay <= 1:
            raise UserError(f"{name}: online_decay must be between 0 and 1, got {online_decay}")
        if not estimate and not files:
            raise UserError(f"{name}: estimate is off and files is empty: there is nothing to hold on to")
        self.strength = strength
        self.estimator = estimator
        self.samples = samples
        self.temperature = temperature
        self.files = [Path(file) for file in files or []]
        for file in self.files:
            if not file.is_file():
                raise UserError(f"{name}: no file {file}; a run with this callback writes {FILE} into its directory")
        self.estimate = estimate
        self.online_decay = online_decay
        self.tasks: list[Task] = []
        """What the weights are held to; part of the callback's state."""

    @property
    def requires_initial_state(self) -> bool:
        """w* and F are of the start."""
        return True

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that the files are of this network, and that there is something to estimate from.

        Raises:
            UserError: a file cannot be read or is of another network, or there are no original states.
        """
        super().check(pl_module, data, callbacks)
        for file in self.files:
            self._read(file, pl_module)
        if self.estimate:
            require_originals(data, self._name)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read and estimate, unless the fit goes on and has the tasks."""
        resumed = bool(self.tasks) and not self.begins_anew(trainer)
        if not resumed:
            tasks = [self._read(file, pl_module) for file in self.files]
            if self.estimate:
                tasks.append(self._estimate(trainer, pl_module))
                if trainer.is_global_zero:
                    write_tensors(tasks[-1], trainer.datamodule.own_path(FILE))  # type: ignore[attr-defined]
            self.tasks = tasks if self.online_decay is None else [_sum(tasks, self.online_decay)]
        elif self.estimate and self.online_decay is None and trainer.is_global_zero:
            file = trainer.datamodule.own_path(FILE)  # type: ignore[attr-defined]
            if not file.is_file():
                write_tensors(self.tasks[-1], file)
        self.tasks = [_moved(task, pl_module.device) for task in self.tasks]
        names = self.tasks[0]["fisher"]
        importance = {name: sum(float(task["fisher"][name].mean()) for task in self.tasks) for name in names}
        log.info("mean importance of a weight: " + ", ".join(f"{k} {v:.3g}" for k, v in importance.items()))
        for logger in () if resumed else trainer.loggers:  # a resumed run's rows hold it already
            logger.log_metrics({f"ewc/fisher/{k}": v for k, v in importance.items()}, step=trainer.global_step)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Add the penalty's gradient."""
        parameters = learning_parameters(pl_module)
        due = log_is_due(trainer)
        loss_norm = norm(p.grad for p in parameters.values()) if due else 0.0
        penalty, pulls = 0.0, []
        for name, parameter in parameters.items():
            assert parameter.grad is not None
            pull = torch.zeros_like(parameter)
            for task in self.tasks:
                away = parameter.detach() - task["anchor"][name]
                pull.addcmul_(away, task["fisher"][name])
                if due:
                    penalty += float((away.square() * task["fisher"][name]).sum())
            parameter.grad.add_(pull, alpha=self.strength)
            if due:
                pulls.append(pull)
        if due:
            pl_module.log_dict(
                {
                    "ewc/penalty": self.strength / 2 * penalty,
                    "ewc/gradient_share": gradient_share(self.strength * norm(pulls), loss_norm),
                }
            )

    def state_dict(self) -> dict[str, Any]:
        """The tasks."""
        return {"tasks": [_moved(task, torch.device("cpu")) for task in self.tasks]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the tasks of the run that is resumed."""
        self.tasks = state_dict["tasks"]

    def _estimate(self, trainer: Trainer, pl_module: LightningModule) -> Task:
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        drawn = data.rehearsal(RandomStream.FISHER).sample(self.samples)
        actions = drawn.transition.a_tm1
        if self.estimator == "policy":
            generator = torch_stream(data.seed, trainer.global_rank, RandomStream.FISHER_ACTIONS)
            actions = sample_actions(drawn.q_values, self.temperature, generator)
        network = bare_copy(q_network(pl_module)).requires_grad_(True)  # frozen weights may be unfrozen later
        fisher = fisher_diagonal(
            network,
            drawn.transition.s_tm1.to(pl_module.device),
            actions,
            estimator=self.estimator,
            temperature=self.temperature,
        )
        averaged = {name: trainer.strategy.reduce(part, reduce_op="mean") for name, part in fisher.items()}
        anchor = {name: p.detach().clone() for name, p in network.named_parameters()}
        return {"fisher": normalised(averaged), "anchor": anchor}

    def _read(self, file: Path, pl_module: LightningModule) -> Task:
        task: Task = read_tensors(file, "Fisher information")
        mine = {name: p.shape for name, p in q_network(pl_module).named_parameters()}
        for kind in ("fisher", "anchor"):
            parts: Any = task.get(kind) if isinstance(task, dict) else None
            tensors = isinstance(parts, dict) and all(isinstance(part, torch.Tensor) for part in parts.values())
            if not tensors or {name: part.shape for name, part in parts.items()} != mine:
                raise UserError(f"{self._name}: {file} is not of this network")
            for name, part in parts.items():
                if not part.is_floating_point() or not bool(part.isfinite().all()):
                    raise UserError(f"{self._name}: {file} cannot be used: {kind} of {name} is not finite numbers")
        return task


def _moved(task: Task, device: torch.device) -> Task:
    return {kind: {name: tensor.to(device) for name, tensor in parts.items()} for kind, parts in task.items()}


def _sum(tasks: list[Task], decay: float) -> Task:
    """One task: the Fisher information of all, older ones decayed, around the latest weights."""
    fisher = {name: torch.zeros_like(part) for name, part in tasks[-1]["fisher"].items()}
    for task in tasks:
        for name, part in task["fisher"].items():
            fisher[name].mul_(decay).add_(part)
    return {"fisher": fisher, "anchor": tasks[-1]["anchor"]}
