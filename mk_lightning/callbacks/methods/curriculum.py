"""Curriculum: train on other states as the fighter gets on."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from mk_lightning.callbacks.methods.base import FineTuningMethod
from mk_lightning.data.datamodule import ExperienceDataModule
from mk_lightning.data.settings_checks import collected_at_once
from mk_lightning.envs.episode import EpisodeResult
from mk_lightning.experience.transition import Batch, Progress
from mk_lightning.utils.errors import UserError, check_between
from mk_lightning.utils.lengths import Length, check_length, in_env_steps
from mk_lightning.utils.trainer_checks import log_is_due

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Phase:
    """States to train on, and what ends it: whichever of its ends comes first.

    Training matches are played with exploration, so their win rate is below that of a validation.

    Attributes:
        states: names, patterns or groups (`original`, `challenging`) with equal weights, or a mapping from them to
            the weight of each state meant; see `ExperienceDataModule.state_weights`.
        env_steps: length at which it ends, env_steps or a fraction of the run; the first phase's includes the warm-up.
        win_rate: share of its last `matches` matches won at which it ends.
        mean_return: mean return of its last `matches` matches at which it ends, game units.
        matches: training matches of this phase that are looked at. Quick matches end first, so several times
            `EnvConfig.num_envs` is fair.

    Raises:
        UserError: a number out of range.
    """

    states: list[str] | dict[str, float]
    env_steps: Length | None = None
    win_rate: float | None = None
    mean_return: float | None = None
    matches: int = 40

    def __post_init__(self) -> None:
        if not self.states:
            raise UserError("Curriculum: states of a phase is empty; name at least one, or a group")
        if self.env_steps is not None:
            check_length("Curriculum: env_steps of a phase", self.env_steps)
        if self.win_rate is not None and not 0 < self.win_rate <= 1:
            raise UserError(f"Curriculum: win_rate of a phase must be above 0 and at most 1, got {self.win_rate}")
        if self.mean_return is not None and not math.isfinite(self.mean_return):
            raise UserError(f"Curriculum: mean_return of a phase must be a finite number, got {self.mean_return}")
        check_between("Curriculum: matches of a phase", self.matches, 1, 10**5)

    @property
    def ends(self) -> list[str]:
        """The ends that it has, by name."""
        return [name for name in ("env_steps", "win_rate", "mean_return") if getattr(self, name) is not None]


class Curriculum(FineTuningMethod):
    """Trains on one phase's states after another's; the last lasts until the run ends.

    The phases' states take the place of the DataModule's `train_states`, from the first match on.

    - A phase is judged by the matches that began in it. Those under way at a change are played to their end, and what
      they teach is kept, but they were drawn for the phase before, even where both phases know their state.
    - With `step_back`, a phase that proves too hard gives way to the one before, which is judged anew.
    - A change takes effect with each environment's next match.
    - With several ranks, the matches of all count.
    - Which phase it is, since when, and the matches that count are part of the checkpoint.

    Logs `curriculum/phase`, counted from 1.

    Example:
        >>> method = Curriculum([Phase(["Easy.*"], win_rate=0.7), Phase(["Hard.*"])], step_back=0.2)

    Args:
        phases: at least two. All but the last need an end; the last has none.
        step_back: win rate over a phase's last `matches` matches below which it goes back to the phase before.

    Raises:
        UserError: too few phases, an end missing or of no use, or numbers that contradict each other.
    """

    def __init__(self, phases: list[Phase], step_back: float | None = None) -> None:
        if len(phases) < 2:
            raise UserError(
                f"Curriculum: phases must be at least 2, got {len(phases)}; for one, set "
                "ExperienceDataModule.train_states"
            )
        for number, phase in enumerate(phases[:-1], 1):
            if not phase.ends:
                raise UserError(f"Curriculum: phase {number} never ends; give it env_steps, win_rate or mean_return")
        if phases[-1].ends:
            raise UserError(
                f"Curriculum: nothing follows the last phase; leave out its {' and '.join(phases[-1].ends)}"
            )
        if step_back is not None:
            if not 0 < step_back < 1:
                raise UserError(f"Curriculum: step_back must be above 0 and below 1, got {step_back}")
            lowest = min((phase.win_rate for phase in phases if phase.win_rate is not None), default=1.0)
            if step_back >= lowest:
                raise UserError(
                    f"Curriculum: step_back {step_back} must be below every win_rate, the lowest is {lowest}"
                )
        self.phases = phases
        self.step_back = step_back
        self.phase = 0
        """Place of the present phase in `phases`."""
        self.began = 0
        """env_steps collected when the present phase began."""
        self.recent: deque[tuple[bool, float]] = deque(maxlen=phases[0].matches)
        """(won, return in game units) of the last matches that began in the present phase."""

    @property
    def requires_initial_state(self) -> bool:
        """Phases count from the start."""
        return True

    def check(self, pl_module: LightningModule, data: ExperienceDataModule, callbacks: Sequence[Callback]) -> None:
        """Check that every phase's states are there, that the last one can begin, and that no weights would be lost.

        Raises:
            UserError: a state is not known or cannot be read, or its weights are impossible; the run ends before the
                last phase; or the DataModule's `train_states` has weights of its own.
        """
        super().check(pl_module, data, callbacks)
        if len(set(data.train_states.values())) > 1:
            raise UserError(
                "Curriculum: the phases' states take the place of ExperienceDataModule.train_states, whose weights "
                "would be lost; give the phases weights and leave those out"
            )
        lengths = [phase.env_steps for phase in self.phases if phase.ends == ["env_steps"]]
        least = sum(in_env_steps(length, data.length.env_steps) for length in lengths if length is not None)
        end = data.length.end
        if least >= end:
            raise UserError(
                f"Curriculum: the last phase could not begin before {least:,} env_steps, and the run ends at {end:,}"
            )
        for phase in self.phases:
            for state in data.state_weights(phase.states):
                data.game.state_bytes(state)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the phase's states.

        The environments have started with the DataModule's `train_states`, but no match has begun. In a resumed run
        they know the phase's weights already, and setting the same ones again changes nothing, neither a match under
        way nor a random stream. So there is no case to tell apart, and a run that is resumed with other phases has them
        at once.
        """
        if self.begins_anew(trainer):
            self.phase, self.began, self.recent = 0, 0, deque(maxlen=self.phases[0].matches)
        self._set_states(trainer.datamodule)  # type: ignore[attr-defined]

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Batch, batch_idx: int) -> None:
        """Log the phase."""
        if log_is_due(trainer):
            pl_module.log("curriculum/phase", float(self.phase + 1))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Batch, batch_idx: int
    ) -> None:
        """Count the matches and change the phase when it is time.

        At the end of a batch and not at its start: by then the learner has written the batch's TD errors, which the
        loader takes in when it synchronizes.
        """
        data: ExperienceDataModule = trainer.datamodule  # type: ignore[attr-defined]
        self.count(batch.finished, batch.env_steps, data)
        phase = self.next_phase(batch.progress)
        if phase != self.phase:
            self.enter(phase, batch.env_steps)
            self._set_states(data)

    def count(self, finished: Iterable[EpisodeResult], env_steps: int, data: ExperienceDataModule) -> None:
        """Take in the matches that began in the present phase, of those that a batch brought.

        Args:
            finished: matches that ended since the batch before.
            env_steps: the batch's.
            data: says how far apart batches are, and how many environments share the env_steps.
        """
        per_batch, num_envs = collected_at_once(data), data.num_envs
        for result in finished:
            # It ended after the batch before, so it began no earlier than this; and the phase's states have held at
            # the latest since the batch after the change, whose collection was under way then.
            began = env_steps - per_batch - result.env_steps * num_envs
            if self.began == 0 or began >= self.began + per_batch:
                self.recent.append((result.won, result.episode_return))

    def next_phase(self, progress: Progress) -> int:
        """Place in `phases` of the phase to be in now."""
        phase, passed = self.phases[self.phase], progress.env_steps - self.began
        ended = phase.env_steps is not None and passed >= progress.in_env_steps(phase.env_steps)
        too_hard = False
        if len(self.recent) == phase.matches:
            win_rate, mean_return = self._figures()
            ended |= phase.win_rate is not None and win_rate >= phase.win_rate
            ended |= phase.mean_return is not None and mean_return >= phase.mean_return
            too_hard = self.step_back is not None and win_rate < self.step_back
        if ended:  # never the last phase, which has no ends
            return self.phase + 1
        return max(self.phase - 1, 0) if too_hard else self.phase

    def enter(self, phase: int, env_steps: int) -> None:
        """Begin a phase, by its place in `phases`, at `env_steps` env_steps."""
        if self.recent:
            win_rate, mean_return = self._figures()
            log.info(
                f"curriculum: phase {self.phase + 1} ends at {env_steps:,} env_steps; it won {win_rate:.0%} of its "
                f"last {len(self.recent)} matches, mean return {mean_return:.0f}"
            )
        self.phase, self.began = phase, env_steps
        self.recent = deque(maxlen=self.phases[phase].matches)

    def state_dict(self) -> dict[str, Any]:
        """Which phase it is, since when, and the matches that count."""
        return {"phase": self.phase, "began": self.began, "recent": [list(match) for match in self.recent]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises:
            UserError: the checkpoint is in a phase that is no longer there.
        """
        phase = state_dict["phase"]
        if phase >= len(self.phases):
            raise UserError(f"Curriculum: the checkpoint is in phase {phase + 1}, but phases has {len(self.phases)}")
        self.phase, self.began = phase, state_dict["began"]
        self.recent = deque(((won, total) for won, total in state_dict["recent"]), maxlen=self.phases[phase].matches)

    def _figures(self) -> tuple[float, float]:
        """Win rate, and mean return in game units, of the matches that count."""
        won, returns = zip(*self.recent, strict=True)
        return sum(won) / len(won), math.fsum(returns) / len(returns)

    def _set_states(self, data: ExperienceDataModule) -> None:
        states = self.phases[self.phase].states
        data.set_train_states(states)
        log.info(f"curriculum: phase {self.phase + 1} of {len(self.phases)}: {', '.join(data.state_weights(states))}")
