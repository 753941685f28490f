"""Fine-tune with a reward of one's own: the default's, less a price for time, so that the agent hurries."""

from dataclasses import dataclass

from rich import print

import mk_lightning as mk


@dataclass(frozen=True)
class Hurry(mk.DamageReward):
    price: float = 0.1  # game units per env_step

    def __call__(self, before, after, full_health):
        return super().__call__(before, after, full_health) - self.price


def main(run="runs/own-reward", env_steps=16_000, warmup=4_000, longest=3_000, matches=5):
    import pytorch_lightning as pl  # here, as the workers import this file for the reward, and need no torch

    pl.seed_everything(1)
    data = mk.ExperienceDataModule(
        "dojo",
        challenging_states=["VeryHard.Kestrel-05", "VeryHard.Grapnel-07"],
        max_env_steps=env_steps,
        warmup_env_steps=warmup,
        reward_scale=20,  # as the base learned
        env=mk.EnvConfig(max_env_steps=longest, reward=Hurry()),
        evaluation=mk.EvaluationSettings(every=env_steps, matches=matches, test_matches=matches),
    )
    model = mk.DuelingDoubleDQN(init_from="checkpoints/dojo-base.ckpt")
    callbacks, logger = [measured := mk.BeforeAfter(), mk.BestCheckpoint(f"{run}/checkpoints")], mk.MetricsCSV(run)
    pl.Trainer(max_epochs=data.max_epochs, accelerator="cpu", callbacks=callbacks, logger=logger).fit(model, data)
    print(measured.table())


if __name__ == "__main__":
    import own_reward  # under its name: workers cannot import a reward from __main__

    own_reward.main()
