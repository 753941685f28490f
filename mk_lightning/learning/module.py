"""The LightningModule: a dueling double DQN."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from statistics import fmean
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, Trainer
from pytorch_lightning.cli import OptimizerCallable
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.experience.greedy_policy import act
from mk_lightning.experience.transition import Batch, Progress
from mk_lightning.learning.averaging import check_resumed_averaging, end_averaging
from mk_lightning.learning.divergence import check_values, diverged
from mk_lightning.learning.early_stopping import check_resumed_stopping, stay_stopped
from mk_lightning.learning.losses import double_q_target, huber_loss, td_errors
from mk_lightning.learning.module_state import (
    arguments_of,
    begin_with,
    check_whole,
    device_of,
    load_weights,
    noted_numbers,
    plain_number,
    save_weights,
)
from mk_lightning.learning.optimizer import (
    OPTIMIZER,
    adam,
    check_factory,
    check_precision,
    check_rate,
    check_resumed_optimizer,
    due_rate,
    only_optimizer,
)
from mk_lightning.learning.scoring import MatchScoring
from mk_lightning.learning.target import check_target, mix
from mk_lightning.networks.base import QNetworkCallable
from mk_lightning.networks.checkpoint import about_network, find_checkpoint, is_of_lightning, read_checkpoint
from mk_lightning.networks.compiled import check_compiler
from mk_lightning.networks.factory import make_network
from mk_lightning.networks.nature import NatureDueling
from mk_lightning.schedules import Schedule, as_schedule, bounds, first_value
from mk_lightning.utils.errors import UserError, check_positive, shortened
from mk_lightning.utils.lengths import Length, check_length
from mk_lightning.utils.network_copies import uncompiled
from mk_lightning.utils.trainer_checks import accumulation_schedules, check_callbacks, leave_trainer, log_is_due

UNTRAINED, IN_MEMORY = "untrained", "weights in memory"
HYPER_PARAMETERS = ("huber_delta", "target_every", "target_tau", "q_limit")
"""Arguments that a checkpoint notes beside its network; the rate and its optimizer are a fit's own."""


class DuelingDoubleDQN(MatchScoring):
    """Learns Q-values from the replay's batches; scores the matches that the loaders play.

    The module holds no environment: loading a checkpoint starts no emulator.

    Args:
        num_actions: actions of the game's table; the CLI takes it from the data.
        network: makes the Q-network for so many actions: `NatureDueling`, `SmallDueling`, `ImpalaDueling`, or your own
            subclass of `QNetwork`; with other arguments, a `functools.partial` of it.
        learning_rate: number or schedule over env_steps. It is the only source of the rate: it is set before every
            learner_step, so it holds after a checkpoint is loaded, too.
        learning_rate_warmup: length, env_steps or a fraction of the run, over which a share that rises from 0 to 1 in a
            straight line is taken of it, from the first learner_step on; 0 does without.
        optimizer: builds the optimizer from parameters; leave its `lr` out. It must step by a batch's gradients alone.
        huber_delta: TD error (learning units) beyond which the loss is linear.
        target_every: learner_steps between hard updates of the target network.
        target_tau: share of the online network mixed into the target network after each learner_step (soft update).
            Give this or `target_every`.
        q_limit: Q-value (learning units) beyond which learning has diverged and the run is stopped. A perfect match is
            worth 480 game units, divided by `ExperienceDataModule.reward_scale`.
        init_from: checkpoint whose Q-network the run starts from: Lightning's, or the zip of an agent of
            Stable-Baselines3 (DQN, Double DQN or a dueling one).
        init_strict: refuse a checkpoint of which not every parameter matches.
        init_reward_scale: game units per learning unit that the Q-values of such a zip, game units, are brought to; the
            CLI takes it from the data. Other checkpoints have their own.
        compile: let `torch.compile` make the learner_steps faster. Playing, whose batches are of many sizes, and
            checkpoints, whose names stay, are as without.

    Raises:
        UserError: an argument out of range, or a checkpoint that does not match.
    """

    def __init__(
        self,
        num_actions: int = 26,
        network: QNetworkCallable = NatureDueling,
        learning_rate: Schedule | float = 1e-4,
        learning_rate_warmup: Length = 0,
        optimizer: OptimizerCallable = adam,
        huber_delta: float = 1.0,
        target_every: int | None = 500,
        target_tau: float | None = None,
        q_limit: float = 1000.0,
        init_from: str | None = None,
        init_strict: bool = True,
        init_reward_scale: float = 1.0,
        compile: bool = False,
    ) -> None:
        super().__init__()
        self.learning_rate = as_schedule(learning_rate, "DuelingDoubleDQN.learning_rate")
        if bounds(self.learning_rate)[0] < 0:
            raise UserError(f"DuelingDoubleDQN.learning_rate must not be negative, got {bounds(self.learning_rate)[0]}")
        check_length("DuelingDoubleDQN.learning_rate_warmup", learning_rate_warmup, 0)
        self.learning_rate_warmup = learning_rate_warmup
        check_positive("DuelingDoubleDQN.huber_delta", huber_delta)
        check_target(target_every, target_tau)
        check_positive("DuelingDoubleDQN.q_limit", q_limit)
        check_positive("DuelingDoubleDQN.init_reward_scale", init_reward_scale)
        self.q_limit = q_limit
        self.optimizer = optimizer
        self.huber_delta = huber_delta
        self.target_every = target_every
        self.target_tau = target_tau
        self.online = make_network(network, num_actions)
        if optimizer is not adam:
            check_factory(optimizer, self.online, first_value(self.learning_rate))
        self.reward_scale: float | None = None
        """Game units per learning unit of the play that it has learned from, if known."""
        if init_from is not None:
            checkpoint = read_checkpoint(init_from, init_reward_scale)
            begin_with(self.online, checkpoint, init_from, strict=init_strict)
            _, self.reward_scale = noted_numbers(checkpoint)
        self.target = copy.deepcopy(self.online).requires_grad_(False)
        self._moments: dict[str, Any] | None = None
        """Of the optimizer, at the end of the last fit."""
        self.compiles = compile
        if compile:
            for network in (self.online, self.target):
                network.compile(dynamic=False)  # a learner's batches are of one size; results depend on nothing else
        self._resumed: Mapping[str, Any] | None = None
        """The checkpoint a fit continues from, until its optimizer is compared with it."""
        self._exploration = np.random.default_rng()
        self.origin = init_from or UNTRAINED
        """The checkpoint that its weights are of; `untrained`; or `weights in memory`, once they were trained on."""

    @classmethod
    def load_from_checkpoint(
        cls, checkpoint_path: Any, map_location: Any = None, hparams_file: Any = None, strict: bool | None = None,
        weights_only: bool | None = True, **kwargs: Any,
    ) -> Self:  # fmt: skip
        """Return a module with a checkpoint's weights, network and plain hyper-parameters; no argument is needed.

        Args:
            checkpoint_path: of a file of weights, of a whole run or of an agent of Stable-Baselines3; a shipped one is
                found by its name.
            map_location: as Lightning's, like the next three; of a file that is not Lightning's, a device.
            hparams_file: see there; it goes with Lightning's files alone.
            strict: see there; of other files, as `init_strict`.
            weights_only: see there; a checkpoint holds no code.
            **kwargs: arguments of the module.

        Raises:
            UserError: it is no checkpoint of this module, or cannot be loaded in such a way.

        Example:
            >>> DuelingDoubleDQN.load_from_checkpoint("checkpoints/dojo-base.ckpt").online.num_actions
            26
        """
        path = find_checkpoint(checkpoint_path)
        checkpoint = read_checkpoint(path, kwargs.get("init_reward_scale", 1.0))
        kwargs = arguments_of(cls, checkpoint, kwargs)
        if not is_of_lightning(path):
            module: Self = cls(**kwargs)
            every = kwargs.get("init_strict", True) if strict is None else strict
            begin_with(module.online, checkpoint, str(checkpoint_path), strict=every)
            module.target.load_state_dict(module.online.state_dict())
            module.env_steps, module.reward_scale = noted_numbers(checkpoint)
            module.to(device_of(map_location, hparams_file, path))
        else:
            module = super().load_from_checkpoint(
                path, map_location, hparams_file, strict, weights_only=weights_only, **kwargs
            )
        module.origin = str(checkpoint_path)
        return module

    def predict(self, observation: NDArray[np.uint8], epsilon: float = 0.0) -> Any:
        """Choose what to do, as Stable-Baselines3's `predict` does: a row of the action table, or (B,) of a batch.

        Args:
            observation: the newest four frames, (4, 84, 84) uint8, or a batch of such stacks, (B, 4, 84, 84).
            epsilon: probability of a random action.

        Raises:
            UserError: the observation is of another shape.
        """
        return act(self.online, observation, epsilon, self._exploration)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Q-values (B, actions) float32 of observations (B, stack, 84, 84) uint8, learning units."""
        return self.online(observations)  # type: ignore[no-any-return]

    def configure_callbacks(self) -> list[Callback]:
        """None; but this is the one hook in which the Trainer's can be checked before they are set up.

        Raises:
            UserError: one cannot do what Lightning documents.
        """
        check_callbacks(self.trainer.callbacks, self.trainer.accumulate_grad_batches)  # type: ignore[attr-defined]
        return []

    def setup(self, stage: str) -> None:
        """Score and save the weights that are there, not the average of a fit that is over."""
        super().setup(stage)
        if stage != TrainerFn.FITTING:
            end_averaging(self.trainer.callbacks)  # type: ignore[attr-defined]

    def teardown(self, stage: str) -> None:
        """Leave the Trainer as the next stage must find it."""
        leave_trainer(self.trainer)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The optimizer over the Q-network."""
        mixed = self._trainer is not None and "mixed" in str(self.trainer.precision)
        if mixed and self.optimizer is adam:
            return adam(self.online.parameters(), fused=False)
        return self.optimizer(self.online.parameters())

    def check_fit(self, trainer: Trainer) -> None:
        """Check that a Trainer can fit the module; a fit does so itself, the command line before it plays a match.

        Raises:
            UserError: the optimizer does not go with the schedule of its rate or with the precision; or nothing can be
                compiled here.
        """
        self.trainer = trainer
        configured = [*trainer.optimizers, *trainer.lr_scheduler_configs] or self.configure_optimizers()
        optimizer = only_optimizer(configured, type(self).__name__)
        check_precision(optimizer, str(trainer.precision))
        check_rate(optimizer, first_value(self.learning_rate))
        if self._resumed is not None:
            check_resumed_optimizer(optimizer, self._resumed)
            self._resumed = None
        if self.compiles:
            check_compiler(trainer.strategy.root_device)

    def on_fit_start(self) -> None:
        """Check what Lightning has configured by now, before a checkpoint's state is given to the optimizer."""
        self.check_fit(self.trainer)

    def on_train_start(self) -> None:
        """Set what Lightning (2.6) would set later or not at all.

        `GradientAccumulationScheduler` acts when an epoch starts, of which a run that continues within one sees none.
        The optimizer, which Lightning makes anew for each fit, gets the moments of the Trainer's last fit. A new one
        begins with the schedule's first rate, for callbacks that log it before there is a batch.
        """
        if self._moments is not None and self.trainer.global_step and self.trainer.ckpt_path is None:
            self.trainer.optimizers[0].load_state_dict(self._moments)
        self._moments, self.origin = None, IN_MEMORY
        super().on_train_start()
        stay_stopped(self.trainer)
        if not self.trainer.global_step:
            self._set_rate(Progress(env_steps=0, warmup_env_steps=0, run_env_steps=1))
        for schedule in accumulation_schedules(self.trainer.callbacks):  # type: ignore[attr-defined]
            self.trainer.accumulate_grad_batches = schedule.get_accumulate_grad_batches(self.current_epoch)

    def on_train_end(self) -> None:
        """Keep the optimizer's moments."""
        self._moments = self.trainer.optimizers[0].state_dict()

    def _apply_batch_transfer_handler(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
        """Set the rate of a batch's learner_step before a callback sees it, whoever overrides the transfer's hooks."""
        batch = super()._apply_batch_transfer_handler(batch, *args, **kwargs)
        if isinstance(batch, Batch):
            self.env_steps = batch.env_steps
            self._set_rate(batch.progress)
        return batch

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        """Return the weighted Huber loss of a batch, and tell its source the TD errors.

        Raises:
            Diverged: a Q-value or the loss is not finite, or a Q-value is beyond `q_limit`.
        """
        step = batch.transition
        q_tm1 = self.online(step.s_tm1)
        with torch.no_grad():
            target = double_q_target(step.r_t, step.discount_t, self.online(step.s_t), self.target(step.s_t))
        errors = td_errors(q_tm1, step.a_tm1, target)
        loss = huber_loss(errors, batch.weights, self.huber_delta)
        seen = torch.cat([errors.abs(), q_tm1.abs().amax()[None], loss[None]])  # a device is waited for but once
        *absolute, largest, value = seen.detach().float().tolist()
        check_values(self.trainer, largest, value, self.q_limit)
        batch.source.update_priorities(batch.indices, np.array(absolute[: len(batch.indices)], np.float32))
        if log_is_due(self.trainer):
            self.log("loss", loss.detach(), prog_bar=True, sync_dist=True)
            self.log_dict({"q_value": q_tm1.detach().mean(), "td_error": fmean(absolute)}, sync_dist=True)
            self.log_dict({"learning_rate": self.trainer.optimizers[0].param_groups[0]["lr"], **batch.stats})
        return loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Step, then update the target network; here, because accumulated batches make one step."""
        super().optimizer_step(*args, **kwargs)
        if self.target_tau is not None:
            mix(self.target, self.online, self.target_tau)
        elif self.target_every is not None and (self.global_step + 1) % self.target_every == 0:
            mix(self.target, self.online, 1.0)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Note architecture and env_steps; a weights-only checkpoint gets the Q-network alone.

        Raises:
            Diverged: a weight is not finite, and the checkpoint would take the place of a good one.
        """
        if not all(bool(parameter.isfinite().all()) for parameter in self.online.parameters()):
            raise diverged(self.global_step, "a weight of the Q-network is not finite")
        super().on_save_checkpoint(checkpoint)
        checkpoint["network"] = about_network(uncompiled(self.online))
        checkpoint["env_steps"] = self.env_steps
        checkpoint["reward_scale"] = self.reward_scale
        noted = {name: plain_number(getattr(self, name)) for name in HYPER_PARAMETERS}
        checkpoint["hyper_parameters"] = noted | checkpoint.get("hyper_parameters", {})  # a subclass saves its own
        save_weights(self, checkpoint)
        if "optimizer_states" not in checkpoint:
            # Lightning saves the DataModule's state in any case: emulators, priorities, names of replay segments.
            checkpoint.pop(type(self.trainer.datamodule).__qualname__, None)  # type: ignore[attr-defined]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the env_steps, and fill a missing target network from the Q-network.

        Raises:
            UserError: the checkpoint's network has another shape; or a fit would average no more, which it did.
        """
        mine = about_network(uncompiled(self.online))
        if (theirs := checkpoint.get("network", mine)) != mine:
            raise UserError(f"the checkpoint's network is {shortened(theirs)}, this config's {mine}")
        super().on_load_checkpoint(checkpoint)
        if self._trainer is not None and self.trainer.state.fn == TrainerFn.FITTING:
            check_whole(checkpoint)
            check_resumed_averaging(self.trainer.callbacks, checkpoint)  # type: ignore[attr-defined]
            check_resumed_stopping(self.trainer.callbacks, checkpoint)  # type: ignore[attr-defined]
            self._resumed = {key: checkpoint.get(key) for key in (OPTIMIZER, "optimizer_states")}
        self.env_steps, self.reward_scale = noted_numbers(checkpoint)
        load_weights(self, checkpoint)

    def _set_rate(self, progress: Progress) -> None:
        """Set the learning rate that is due when the run has come so far."""
        rate = due_rate(self.learning_rate, self.learning_rate_warmup, progress)
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate
