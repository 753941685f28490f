"""The DataModule: owns environments, collector and replay, and gives Lightning's loops their loaders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from lightning_utilities.core.rank_zero import rank_zero_only
from pytorch_lightning import LightningDataModule
from pytorch_lightning.trainer.states import TrainerFn

from mk_lightning.data.base_play import base_recording
from mk_lightning.data.continuation import Continuation
from mk_lightning.data.fit_folder import FitFolder, check_resumed_folder, check_shared_disk, fit_folder
from mk_lightning.data.learner import note_reward_scale, q_network_of
from mk_lightning.data.loaders import EpisodeLoader, ExperienceLoader, new_loader, new_replay
from mk_lightning.data.rank_states import own_part, with_others
from mk_lightning.data.resume_checks import check_resumable, common, restore_replay
from mk_lightning.data.run_length import RunLength
from mk_lightning.data.settings import EvaluationSettings, RecordingSettings, ReplaySettings
from mk_lightning.data.settings_checks import check_experience, check_groups, check_shares, tell_pace, whole_length
from mk_lightning.data.state_choice import States, named_states
from mk_lightning.envs.config import EnvConfig
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.base_dataset import Recording, Rehearsal
from mk_lightning.experience.episodes import EpisodeSpec
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.experience.match_seeds import VALIDATION_SEEDS, first_test_seed, matches_of_each, mixed_matches
from mk_lightning.experience.random_streams import RandomStream, stream_seed
from mk_lightning.experience.segments import Segments
from mk_lightning.experience.transition import Batch
from mk_lightning.games.catalog import load_game
from mk_lightning.schedules import Schedule, as_schedule
from mk_lightning.utils.lengths import Length
from mk_lightning.utils.lightning_private import keep_gradients_in_order
from mk_lightning.utils.rank_watch import RankWatch
from mk_lightning.utils.ranks import Ranks
from mk_lightning.utils.run_files import RECORDING, REPLAY
from mk_lightning.utils.trainer_checks import check_experience_trainer, tell_length


class ExperienceDataModule(LightningDataModule):
    """Experience for the learner and matches for its evaluation.

    Training batches are drawn from a replay which a collector fills as the learner goes on; validation, test and
    prediction batches are lists of whole matches. The Q-network is read from the LightningModule's `online`.

    Args:
        game: game id, alias, or path of a `game.yaml`.
        original_states: names, tiers or patterns of the states that the base policy was trained on, or one of them.
        challenging_states: the same of the states that fine-tuning is for.
        train_states: states to train on, as `state_weights` takes them.
        max_env_steps: env_steps of all ranks after the warm-up, to whole learner_steps (`RunLength`): 1.0 of the run.
        warmup_env_steps: those before the first learner_step, or a fraction of the run, at least a first batch's.
        env_steps_per_learner_step: env_steps of all ranks per learner_step, on average: `env.num_envs` come at a time.
        epsilon: probability of a random action in training: number or schedule over env_steps.
        reward_scale: game units per learning unit.
        rehearsal_ratio: share of every batch that is drawn from the recording instead of the replay.
        overlap: collect while the learner works; off, the two take turns. Part of what makes two runs equal.
        actor_on_device: let the policy that plays be where the learner is, on a GPU, and not on the CPU.
        seed: of exploration, matches and draws; the CLI takes it from `seed_everything`.
        env: how matches are played.
        replay: what is kept and how it is drawn.
        recording: of the base policy's play on the original states; made when something needs it.
        evaluation: when and how matches are played to measure the policy.

    Raises:
        UserError: an argument out of range; unknown game or state.
    """

    def __init__(
        self,
        game: str = "Dojo-Genesis-v0",
        original_states: list[str] | str | None = None,
        challenging_states: list[str] | str | None = None,
        train_states: list[str] | dict[str, float] | None = None,
        max_env_steps: int = 192_000,
        warmup_env_steps: Length = 0.020833,
        env_steps_per_learner_step: int = 8,
        epsilon: Schedule | float = 0.05,
        reward_scale: float = 20.0,
        rehearsal_ratio: float = 0.0,
        overlap: bool = True,
        actor_on_device: bool = False,
        seed: int = 0,
        env: EnvConfig = EnvConfig(),  # noqa: B008 - frozen
        replay: ReplaySettings = ReplaySettings(),  # noqa: B008 - frozen
        recording: RecordingSettings = RecordingSettings(),  # noqa: B008 - frozen
        evaluation: EvaluationSettings = EvaluationSettings(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__()
        self.game = load_game(game)
        self.state_groups = {
            name: list(self.game.resolve_states(states))
            for name, states in (("original", original_states), ("challenging", challenging_states))
            if states
        }
        """States to evaluate, by group: `original` and `challenging`, those that are not empty."""
        check_groups(self.state_groups)
        self.evaluation_states = [state for states in self.state_groups.values() for state in states]
        self.train_states = self.state_weights(train_states or self.evaluation_states)
        self.max_env_steps = max_env_steps
        self.warmup_env_steps = warmup_env_steps
        self.env_steps_per_learner_step = env_steps_per_learner_step
        self.epsilon = as_schedule(epsilon, "ExperienceDataModule.epsilon")
        self.reward_scale = reward_scale
        self.rehearsal_ratio = rehearsal_ratio
        self.overlap = overlap
        self.actor_on_device = actor_on_device
        self.seed = seed
        self.env = env
        self.replay = replay
        self.recording = recording
        self.evaluation = evaluation
        self.test_epsilons = list(evaluation.test_epsilons)  # of the next test, a pass each
        self.ranks = Ranks()
        check_experience(self)
        self.length: RunLength = whole_length(self)  # what was asked for, rounded to what can be played
        self.num_actions = len(self.game.actions)
        self.max_epochs, self.learner_steps_per_epoch = self.length.epochs, self.length.learner_steps_per_epoch
        self._evaluation_env: RetroVectorEnv | None = None
        self._train_env: RetroVectorEnv | None = None
        self._loader: ExperienceLoader | None = None
        self._segments: Segments | None = None
        self._recording: Recording | None = None
        self._recorded: dict[str, Any] | None = None  # by a fit that goes on
        self.base_network: torch.nn.Module | None = None  # for a fit that goes on and has lost the recording
        self._continuation = Continuation()
        self.on_recorded: Callable[[int, int], None] | None = None  # env_steps recorded, of how many
        self._folder: FitFolder | None = None  # of the present fit
        self._watch: RankWatch | None = None

    def set_ranks(self, ranks: Ranks) -> None:
        """Take the ranks that play and learn; a fit checks that they can share its env_steps."""
        self.ranks = ranks
        self.length = whole_length(self)

    @property
    def num_envs(self) -> int:
        """Training environments of all ranks."""
        return self.env.num_envs * self.ranks.count

    def setup(self, stage: str) -> None:
        """Check that the Trainer leaves experience and matches what they are, and say how long a fit is.

        Raises:
            UserError: it does not.
        """
        if self.trainer is None:
            return
        check_experience_trainer(self.trainer)
        self.set_ranks(Ranks.of(self.trainer))
        rank_zero_only.rank = self.ranks.rank  # type: ignore[attr-defined]  # not what SLURM_PROCID may say
        self._watch = self._watch or RankWatch(self.ranks)
        if stage == TrainerFn.FITTING:
            check_shares(self)
            check_shared_disk(self.ranks, self.trainer)
            keep_gradients_in_order(self.trainer)
            tell_pace(self)
            per_step, env_steps = self.env_steps_per_learner_step, self.length.env_steps
            tell_length(self.trainer, self.learner_steps_per_epoch, per_step, env_steps)

    def train_dataloader(self) -> ExperienceLoader:
        """Start the training environments and the collector, where the checkpoint left them if there is one.

        A second fit with the same Trainer and module goes on where the first ended.

        Raises:
            UserError: the module was fitted by another Trainer, and no checkpoint says where to go on; or files of the
                checkpoint's replay are missing or damaged.
        """
        assert self.trainer is not None
        trainer = self.trainer
        state, kept = self._continuation.take(trainer)
        self._folder = fit_folder(self.ranks, trainer, state)
        self._recorded = None if state is None else state["recorded"]
        if state is not None:  # of a run that is extended, a fraction comes to more than the warm-up that was played
            self.length = replace(self.length, warmup_env_steps=state["warmup_env_steps"])
        self._train_env = RetroVectorEnv(self.game, self.train_states, self.env)
        replay = kept or new_replay(self)
        segments = Segments(self._folder.path(REPLAY), self.ranks.rank)
        self._segments = segments if self.replay.on_disk else None
        note_reward_scale(trainer.lightning_module, self.reward_scale)
        rehearsal = self.rehearsal(RandomStream.REHEARSAL) if self.rehearsed else None
        self._loader = new_loader(self, self._train_env, self._network, replay, rehearsal, self._segments)
        if state is not None:
            if kept is None:
                restore_replay(replay, state, segments, self.length.warmup_env_steps, required=self.replay.on_disk)
            self._loader.collector.load_state_dict(state["collector"])
            self._train_env.set_states(self.train_states)  # a method that chose others sets them again
            self._loader.load_state_dict(state["loader"])
        return self._loader

    @property
    def rehearsed(self) -> int:
        """How many transitions of a batch come from the recording."""
        return round(self.rehearsal_ratio * self.replay.batch_size)

    def rehearsal(self, stream: int) -> Rehearsal:
        """A stream of draws from the recording of the base policy's play, which is made first if there is none.

        To be called when a fit starts, before the first learner_step: the base policy is what the run starts from.

        Args:
            stream: a `RandomStream`, or of a method outside the package a number of its own from 1,000 on.

        Raises:
            UserError: there are no original states, or the recording is another one or, of a resumed run, gone.
        """
        if self._recording is None:
            at = Path(self.recording.folder or self.own_path(RECORDING))
            base = self._network if self._recorded is None else self.base_network
            self._recording = base_recording(self, base, at, self.ranks, recorded=self._recorded, told=self.on_recorded)
        return Rehearsal(self._recording, stream_seed(self.seed, self.ranks.rank, stream))

    def state_weights(self, states: States) -> dict[str, float]:
        """Probability of each state to train on, of states as `named_states` takes them.

        Raises:
            GameError: unknown state or impossible weights.
            UserError: an evaluation that is named cannot be used.
        """
        return self.game.state_weights(named_states(states, self.state_groups))

    def set_train_states(self, states: States) -> None:
        """Draw training matches from other states, or with other weights, from each environment's next match on.

        Waits for the collection under way, so that when it takes effect does not depend on who is faster. Call it
        before the first batch or in `on_train_batch_end`: it takes in the batch's TD errors, too.

        Raises:
            GameError: unknown state or impossible weights; the old ones stay.
        """
        weights = self.state_weights(states)
        if self._loader is None or self._train_env is None:
            raise RuntimeError("training states can be set once training has started")
        self._loader.synchronize()
        self._train_env.set_states(weights)

    def val_dataloader(self) -> EpisodeLoader:
        """The validation matches of every evaluated state."""
        specs = matches_of_each(self.evaluation_states, self.evaluation.matches, VALIDATION_SEEDS)
        return self.matches(self._network, specs, self.evaluation.epsilon)

    def test_dataloader(self) -> list[EpisodeLoader]:
        """The test matches, once for each exploration rate."""
        return [self.matches(self._network, self.test_specs(), epsilon) for epsilon in self.test_epsilons]

    def predict_dataloader(self) -> EpisodeLoader:
        """The test matches at the exploration rate of a validation."""
        return self.matches(self._network, self.test_specs(), self.evaluation.epsilon)

    def matches(self, network: torch.nn.Module, specs: Sequence[EpisodeSpec], epsilon: float) -> EpisodeLoader:
        """Whole matches, played while they are iterated over, in batches.

        Args:
            network: Q-network of the greedy policy.
            specs: the matches.
            epsilon: probability of a random action.
        """
        if self._evaluation_env is None:  # no more environments than a rank has matches
            most = max(self.evaluation.matches, self.evaluation.test_matches) * len(self.evaluation_states)
            num_envs = min(self.evaluation.num_envs, -(-most // self.ranks.count))
            self._evaluation_env = RetroVectorEnv(self.game, self.evaluation_states, self.env, num_envs=num_envs)
        policy, env, groups = GreedyPolicy(network), self._evaluation_env, self.state_groups
        return EpisodeLoader(policy, env, specs, groups, epsilon=epsilon, ranks=self.ranks)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move what the learner reads; matches stay as they are."""
        if not isinstance(batch, Batch):
            return batch
        move = super().transfer_batch_to_device
        parts = {name: move(getattr(batch, name), device, dataloader_idx) for name in ("transition", "weights")}
        return batch._replace(**parts)

    def teardown(self, stage: str) -> None:
        """Stop every process and thread; what a fit has come to is kept for the next one with the same Trainer."""
        if self._loader is not None and self.trainer is not None:
            replay = self._loader.replay if self._segments is None else None
            self._continuation.from_fit(self.trainer, self._state(), replay)
        self._stop(well=True)

    def on_exception(self, exception: BaseException) -> None:
        """Stop every process and thread; what was going on is lost but for its checkpoints."""
        self._continuation.clear()
        self._stop(well=False)

    def state_dict(self) -> dict[str, Any]:
        """Collector, emulators and replay of every rank, whose rows go to segment files first; empty before a fit."""
        return with_others(self.ranks, self._state())

    def _state(self) -> dict[str, Any]:
        """This rank's, which exchanges nothing with others."""
        if self._loader is None or self._folder is None:
            return self._continuation.state or {}
        self._loader.synchronize()
        replay = self._loader.replay
        return {
            "segments": None if self._segments is None else self._segments.save(replay),
            "folder": self._folder.as_dict(),
            "replay": replay.state_dict(),
            "collector": self._loader.collector.state_dict(),
            "loader": self._loader.own_state(),
            "recorded": self._recording.about if self._recording else None,
            "warmup_env_steps": self.length.warmup_env_steps,
            "common": common(self),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep a checkpoint's state until the environments start; to play matches needs none of it.

        Raises:
            UserError: a fit of these settings, or in this directory, cannot go on from it.
        """
        if self.trainer is None or self.trainer.state.fn == TrainerFn.FITTING:
            if self.trainer is not None:
                check_resumable(self, state_dict)
                check_resumed_folder(self.ranks, self.trainer, state_dict)
            self._continuation.from_checkpoint(own_part(self.ranks, state_dict))

    def own_path(self, name: str) -> Path:
        """A file or folder of the present fit, apart from those of other fits in the same directory."""
        assert self._folder is not None
        return self._folder.path(name)

    def _stop(self, *, well: bool) -> None:
        if self._watch is not None:
            self._watch.close(goodbye=well)
        if self._loader is not None:
            self._loader.close()
        for env in (self._train_env, self._evaluation_env):
            if env is not None:
                env.close()
        if self._folder is not None:
            self._folder.release()
        self._loader = self._train_env = self._evaluation_env = self._watch = None
        self._segments = self._recording = self._folder = None

    @property
    def _network(self) -> torch.nn.Module:
        assert self.trainer is not None
        return q_network_of(self.trainer.lightning_module)

    def test_specs(self) -> list[EpisodeSpec]:
        """The matches of a test."""
        specs = mixed_matches if self.evaluation.mixed else matches_of_each
        return specs(self.evaluation_states, self.evaluation.test_matches, first_test_seed(self.evaluation.test_seed))
