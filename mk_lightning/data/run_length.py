"""How long a run is: the lengths that were asked for, rounded to whole epochs of whole learner_steps."""

from __future__ import annotations

from dataclasses import dataclass

from mk_lightning.experience.transition import Progress
from mk_lightning.utils.lengths import Length, in_env_steps


@dataclass(frozen=True)
class RunLength:
    """The length of a run: a warm-up, then whole epochs, every one of as many learner_steps.

    Attributes:
        epochs: passes of the training loop, a validation at the end of each; 1 or more.
        learner_steps_per_epoch: 1 or more.
        env_steps_per_learner_step: env_steps collected per learner_step.
        warmup_env_steps: env_steps collected before the first learner_step's.
    """

    epochs: int
    learner_steps_per_epoch: int
    env_steps_per_learner_step: int
    warmup_env_steps: int = 0

    @classmethod
    def nearest(
        cls, max_env_steps: int, every: Length, env_steps_per_learner_step: int, warmup_env_steps: int = 0
    ) -> RunLength:
        """Return the length nearest to what was asked for.

        The number of validations comes first: an interval that does not divide the run is stretched or shortened to one
        that does, and then rounded to whole learner_steps.

        Args:
            max_env_steps: env_steps to train for, 1 or more.
            every: length between two validations; less than a learner_step's env_steps is not possible.
            env_steps_per_learner_step: 1 or more.
            warmup_env_steps: 0 or more.

        Examples:
            >>> length = RunLength.nearest(10_000, every=48_000, env_steps_per_learner_step=8)
            >>> length.epochs, length.learner_steps_per_epoch
            (1, 1250)
        """
        interval = max(in_env_steps(every, max_env_steps), env_steps_per_learner_step)
        epochs = max(1, round(max_env_steps / interval))
        learner_steps = max(1, round(max_env_steps / (epochs * env_steps_per_learner_step)))
        return cls(epochs, learner_steps, env_steps_per_learner_step, warmup_env_steps)

    @property
    def every(self) -> int:
        """env_steps between two validations."""
        return self.learner_steps_per_epoch * self.env_steps_per_learner_step

    @property
    def env_steps(self) -> int:
        """env_steps that the run trains for, after the warm-up."""
        return self.epochs * self.every

    @property
    def end(self) -> int:
        """env_steps collected when the run ends, those of the warm-up among them."""
        return self.warmup_env_steps + self.env_steps

    def progress(self, env_steps: int) -> Progress:
        """Return how far the run has come when so many env_steps have been collected."""
        return Progress(env_steps, self.warmup_env_steps, self.env_steps)

    def rounding(self, max_env_steps: int, every: Length) -> str | None:
        """Return a line that says how the run differs from what was asked for, or None where it does not.

        A fraction is compared in hundredths: 0.33 is what a third of the run is written as.

        Args:
            max_env_steps: `ExperienceDataModule.max_env_steps`.
            every: `EvaluationSettings.every`.
        """
        as_asked = every == self.every
        if isinstance(every, float):
            as_asked = round(every, 2) == round(1 / self.epochs, 2)
        if as_asked and max_env_steps == self.env_steps:
            return None
        return (
            f"the run trains for {self.env_steps:,} env_steps, in {self.epochs:,} epoch{'s' * (self.epochs > 1)} of "
            f"{self.every:,} with a validation after each: ExperienceDataModule.max_env_steps {max_env_steps:,} and "
            f"EvaluationSettings.every {every:,} are rounded to whole epochs and learner_steps"
        )
