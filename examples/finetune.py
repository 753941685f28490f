"""Fine-tune with a plain Trainer: what `mk-lightning fit` does by finetune.yaml and recommended.yaml."""

import pytorch_lightning as pl
from rich import print

import mk_lightning as mk


def main(run="runs/example", env_steps=192_000, warmup=4_000, recorded=16_000, longest=3_000, matches=10):
    pl.seed_everything(1)
    data = mk.ExperienceDataModule(
        "dojo",
        original_states="VeryHard.*-0[1-4]",
        challenging_states=["VeryHard.Kestrel-05", "VeryEasy.Heron-06", "VeryHard.Grapnel-07"],
        train_states=["challenging"],
        max_env_steps=env_steps,
        warmup_env_steps=warmup,
        epsilon=mk.Linear(0.2, 0.02, 2 / 3),
        reward_scale=20,  # as the agent learned
        rehearsal_ratio=0.125,
        seed=1,
        env=mk.EnvConfig(max_env_steps=longest),
        recording=mk.RecordingSettings(env_steps=recorded),
        evaluation=mk.EvaluationSettings(matches=matches, test_matches=matches),
    )
    model = mk.DuelingDoubleDQN(init_from="checkpoints/dojo-base.ckpt", learning_rate=mk.Linear(3e-4, 3e-5, 1.0))
    keep = [mk.Cloning(weight=0.1, batch_size=8), mk.ForgettingGuard(margin=0.05)]
    draw = mk.WeaknessTargeting(floor=0.2, matches=20, every=4_000)
    save = [mk.BestCheckpoint(f"{run}/checkpoints", "val/kept"), mk.ResumableCheckpoint()]
    measured = mk.BeforeAfter()
    trainer = pl.Trainer(
        max_epochs=data.max_epochs, callbacks=[draw, *keep, measured, *save], logger=mk.MetricsCSV(run),
        gradient_clip_val=10.0, log_every_n_steps=100, num_sanity_val_steps=0, accelerator="cpu",
    )  # fmt: skip
    trainer.fit(model, data)
    print(measured.table())


if __name__ == "__main__":
    main()
