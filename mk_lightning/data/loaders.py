"""Loaders: what Lightning's loops iterate over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice, zip_longest
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mk_lightning.data.rank_states import own_part, with_others
from mk_lightning.data.run_length import RunLength
from mk_lightning.data.settings import ExperienceSettings
from mk_lightning.envs.vector_env import RetroVectorEnv
from mk_lightning.experience.base_dataset import Rehearsal
from mk_lightning.experience.collector import Collector
from mk_lightning.experience.episodes import EpisodeBatch, EpisodeSpec, play_episodes
from mk_lightning.experience.greedy_policy import GreedyPolicy
from mk_lightning.experience.policy import Policy
from mk_lightning.experience.random_streams import RandomStream, stream_seed
from mk_lightning.experience.replay import Replay
from mk_lightning.experience.segments import Segments
from mk_lightning.experience.transition import Batch, Transition
from mk_lightning.utils.network_copies import bare_copy
from mk_lightning.utils.ranks import Ranks


class ExperienceLoader:
    """Training batches: collect, draw, and collect on while the learner works on what was drawn.

    Before batch k is drawn, collection job k has ended; then the actor takes a copy of the weights and job k + 1
    starts in a thread. So the run is the same function of config and seed however the threads happen to run. With
    `overlap` off, job k + 1 runs when batch k + 1 is asked for, with the weights of that moment.

    The loader is sized: Lightning prefetches from an unsized one, which would act one update later.

    Args:
        collector: plays.
        replay: is drawn from.
        actor: the collector's policy, over a network of its own.
        learner: network whose weights the actor copies.
        batch_size: transitions per batch.
        run: env_steps collected before the first batch and per batch; batches per epoch. Environments are stepped all
            together, so where these are no whole number of vector env_steps some batches bring more and some fewer, or
            none, and never is less collected than is due.
        overlap: collect while the learner works.
        rehearsal: old transitions to mix in, if any.
        rehearsed: how many of a batch are old.
        segments: where the replay's rows are kept on disk as they come, if they are.
        ranks: that collect and learn together; their matches are every batch's.
    """

    def __init__(
        self,
        collector: Collector,
        replay: Replay,
        actor: GreedyPolicy,
        learner: torch.nn.Module,
        *,
        batch_size: int,
        run: RunLength,
        overlap: bool,
        rehearsal: Rehearsal | None = None,
        rehearsed: int = 0,
        segments: Segments | None = None,
        ranks: Ranks = Ranks(),  # noqa: B008 - frozen
    ) -> None:
        self.collector = collector
        self.replay = replay
        self.actor = actor
        self.learner = learner
        self.batch_size = batch_size
        self.run = run
        self.overlap = overlap
        self.rehearsal = rehearsal
        self.rehearsed = rehearsed
        self.segments = segments
        self.ranks = ranks
        self._thread = ThreadPoolExecutor(1, "collector")
        self._job: Future[None] | None = None
        self._ready = False
        self._ahead = 0
        """env_steps collected, all ranks together, beyond those that were due."""
        self._learnt: tuple[NDArray[np.int64], NDArray[np.float32]] | None = None
        """Indices and TD errors that the replay has not taken in."""

    def __len__(self) -> int:
        """Batches per epoch."""
        return self.run.learner_steps_per_epoch

    def __iter__(self) -> Iterator[Batch]:
        """Batches for one epoch."""
        for _ in range(len(self)):
            yield self.next_batch()

    def next_batch(self) -> Batch:
        """Draw a batch once its experience is there, and start to collect for the next one."""
        self.synchronize()
        if not self._ready:
            self._collect()
        sample = self.replay.sample(self.batch_size - self.rehearsed)
        transition, weights = sample.transition, sample.weights
        if self.rehearsal is not None:
            old = self.rehearsal.sample(self.rehearsed).transition
            transition = Transition(*(torch.cat(parts) for parts in zip(transition, old, strict=True)))
            weights = torch.cat([weights, torch.ones(self.rehearsed)])
        collector = self.collector
        told = self.ranks.gather((collector.take_finished(), collector.worker_restarts))
        finished = tuple(result for results, _ in told for result in results)
        collector.count(finished)
        batch = Batch(
            transition,
            weights,
            sample.indices,
            self,
            self.run.progress(collector.env_steps),
            collector.stats() | {"worker_restarts": float(sum(restarts for _, restarts in told))},
            finished,
        )
        self._ready = False
        if self.overlap:
            self.actor.load_weights(self.learner)
            self._job = self._thread.submit(self._play, self.run.env_steps_per_learner_step)
        return batch

    def update_priorities(self, indices: NDArray[np.int64], td_errors: NDArray[np.float32]) -> None:
        """Take in the TD errors of a batch, for the replay to have once nobody writes to it: at the next `synchronize`.

        Args:
            indices: (K,) of the batch.
            td_errors: (K,) absolute, learning units.
        """
        self._learnt = (indices, td_errors)

    def synchronize(self) -> None:
        """Wait for the running job and take in the TD errors of the last batch: a point where state can be saved."""
        if self._job:
            self._job.result()
            self._job = None
            self._ready = True
        if self._learnt:
            self.replay.update_priorities(*self._learnt)
            self._learnt = None

    def close(self) -> None:
        """Wait for the running job and end the thread."""
        self._thread.shutdown()

    def state_dict(self) -> dict[str, Any]:
        """`own_state` of all ranks: Lightning saves what it is given on rank 0, and gives it to every rank."""
        return with_others(self.ranks, self.own_state(), ["rehearsal"])

    def own_state(self) -> dict[str, Any]:
        """Whether the next batch's experience is there, and how much more; the rehearsal's stream."""
        self.synchronize()  # Lightning asks for it before it asks the DataModule, while the job may still run
        rehearsal = self.rehearsal.state_dict() if self.rehearsal is not None else None
        return {"ready": self._ready, "ahead": self._ahead, "rehearsal": rehearsal}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state_dict` or `own_state`."""
        state = own_part(self.ranks, state)
        self._ready = state["ready"] and self.replay.added > 0  # a replay that was not kept starts empty
        self._ahead = state.get("ahead", 0) if self.replay.added else 0  # not there in checkpoints of before
        if self.rehearsal is not None and state["rehearsal"] is not None:  # it may have begun only now
            self.rehearsal.load_state_dict(state["rehearsal"])

    def _collect(self) -> None:
        self.actor.load_weights(self.learner)
        if self.replay.added == 0:
            self._play(self.run.warmup_env_steps)
        self._play(self.run.env_steps_per_learner_step)

    def _play(self, env_steps: int) -> None:
        """Collect this rank's part of so many env_steps of all, in whole vector env_steps."""
        at_once = self.replay.num_envs * self.ranks.count
        vector_steps = -(-(env_steps - self._ahead) // at_once)
        self._ahead += vector_steps * at_once - env_steps
        if not vector_steps:
            return
        self.collector.collect(vector_steps)
        if self.segments is not None:
            self.segments.spill(self.replay)


def new_replay(data: ExperienceSettings) -> Replay:
    """An empty replay of this rank's, as a DataModule's settings say."""
    return Replay(
        data.replay.capacity,
        data.env.num_envs,
        n_step=data.replay.n_step,
        gamma=data.replay.gamma,
        priorities=data.replay.priorities,
        seed=stream_seed(data.seed, data.ranks.rank, RandomStream.REPLAY),
    )


def new_loader(
    data: ExperienceSettings,
    env: RetroVectorEnv,
    learner: torch.nn.Module,
    replay: Replay,
    rehearsal: Rehearsal | None,
    segments: Segments | None,
) -> ExperienceLoader:
    """A collector in the training environments and the loader of its experience, as a DataModule's settings say.

    Args:
        data: the settings.
        env: the training environments.
        learner: network whose weights the actor copies.
        replay: to fill and to draw from.
        rehearsal: old transitions to mix in, if any.
        segments: where the replay's rows are kept on disk, if they are.
    """
    network = bare_copy(learner).requires_grad_(False)
    actor = GreedyPolicy(network if data.actor_on_device else network.cpu())
    collector = Collector(
        env,
        replay,
        actor,
        epsilon=data.epsilon.over(data.length.env_steps),
        reward_scale=data.reward_scale,
        seed=stream_seed(data.seed, data.ranks.rank, RandomStream.COLLECTION),
        ranks=data.ranks.count,
    )
    return ExperienceLoader(
        collector,
        replay,
        actor,
        learner,
        batch_size=data.replay.batch_size,
        run=data.length,
        overlap=data.overlap,
        rehearsal=rehearsal,
        rehearsed=data.rehearsed,
        segments=segments,
        ranks=data.ranks,
    )


class EpisodeLoader:
    """Evaluation batches: matches played while Lightning iterates.

    Ranks play a share each, and every rank gets all matches in the order of the specs.

    Args:
        policy: plays greedily.
        env: environments to play in.
        specs: matches to play.
        groups: states of the evaluation, by the group's name.
        epsilon: probability of a random action.
        batch_size: matches per batch that each rank plays.
        ranks: that play.
    """

    def __init__(
        self,
        policy: Policy,
        env: RetroVectorEnv,
        specs: Sequence[EpisodeSpec],
        groups: Mapping[str, Sequence[str]],
        *,
        epsilon: float,
        batch_size: int = 8,
        ranks: Ranks = Ranks(),  # noqa: B008 - frozen
    ) -> None:
        self.policy = policy
        self.env = env
        self.specs = specs
        self.groups = groups
        self.epsilon = epsilon
        self.batch_size = batch_size
        self.ranks = ranks

    def __len__(self) -> int:
        """Batches."""
        return -(-len(self.specs) // (self.batch_size * self.ranks.count))

    def __iter__(self) -> Iterator[EpisodeBatch]:
        """Play every match, in the order of the specs."""
        share = self.specs[self.ranks.rank :: self.ranks.count]
        records = play_episodes(self.policy, self.env, share, epsilon=self.epsilon)
        for _ in range(len(self)):
            dealt = self.ranks.gather(list(islice(records, self.batch_size)))
            batch = [record for turn in zip_longest(*dealt) for record in turn if record is not None]
            yield EpisodeBatch(batch, self.groups, self.epsilon)
