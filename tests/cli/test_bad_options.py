"""Options and configs that cannot be used: wrong types, numbers out of range, absurd sizes, broken files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.mistakes import PRETRAIN, Mistake, fit, refuse

LEARNING_RATE = "--model.learning_rate"
CALLBACK = "--trainer.callbacks"
REWARD = "--data.env.reward"


def config(content: str | bytes, hint: str) -> Mistake:
    """A fit of a config with this content."""
    raw = content.encode() if isinstance(content, str) else content
    return Mistake(["fit", "-c", "c.yaml"], hint, lambda folder: (folder / "c.yaml").write_bytes(raw))


def method(name: str, hint: str, **arguments: object) -> Mistake:
    """A fit with a callback."""
    words = [f"{CALLBACK}.{key}={value}" for key, value in arguments.items()]
    return fit(hint, f"{CALLBACK}+={name}", *words)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""A billion entries in nine lines."""

MISTAKES = {
    # -- wrong types
    "word for a number": fit("num_envs must be a whole number, got eight", "--data.env.num_envs", "eight"),
    "fraction for a whole number": fit("num_envs must be a whole number, got 2.5", "--data.env.num_envs", "2.5"),
    "null": fit("--data.env.num_envs is empty; give it a value", "--data.env.num_envs", "null"),
    "list for a number": fit("num_envs must be a whole number, got [8]", "--data.env.num_envs", "[8]"),
    "truth value for a number": fit("num_envs must be a whole number, got True", "--data.env.num_envs", "true"),
    "exponent": fit("got 1000000.0; write 1000000", "--data.replay.capacity", "1e6"),
    "infinity": fit("max_env_steps must be a whole number, got inf", "--data.env.max_env_steps", "1e400"),
    "word for a fraction": fit("gamma must be a number, got high", "--data.replay.gamma", "high"),
    "word for a switch": fit("overlap must be true or false, got sometimes", "--data.overlap", "sometimes"),
    "number for a switch": fit("init_strict must be true or false, got 3", "--model.init_strict", "3"),
    "number for a list": fit("test_epsilons must be a list, got 0.05", "--data.evaluation.test_epsilons", "0.05"),
    "words in a list": fit("test_epsilons must be a number, got low", "--data.evaluation.test_epsilons", "[low]"),
    "number for a group": fit("data.env must be a mapping of keys, got 7", "--data.env", "7"),
    "list for a group": fit("data.replay must be a mapping of keys, got [1]", "--data.replay", "[1]"),
    "number for states": fit("no state '3'", "--data.original_states", "3"),
    "mapping for states": fit("no state '{Easy: 1}'", "--data.original_states", "{Easy: 1}"),
    "word for a weight": fit("names to numbers", "--data.train_states", "{VeryEasy.Ember-04: often}"),
    "word for a seed": fit("seed_everything must be", "--seed_everything", "lucky"),
    "truth value for a seed": fit("a whole number from 0 on, got False", "--seed_everything", "false"),
    "word for target_every": fit("must be a whole number or null, got often", "--model.target_every", "often"),
    "word for priorities": fit("priorities must be a Priorities or null", "--data.replay.priorities", "on"),
    "key of priorities": fit("did you mean 'alpha'?", "--data.replay.priorities", "{alhpa: 0.5}"),
    "threads": fit("torch_threads must be a whole number, got all", "--torch_threads", "all"),
    # -- out of range
    "gamma nan": fit("gamma must be between 0 and 1, got nan", "--data.replay.gamma", ".nan"),
    "gamma inf": fit("gamma must be between 0 and 1, got inf", "--data.replay.gamma", ".inf"),
    "alpha": fit("priorities.alpha must be between 0 and 1, got 2.0", "--data.replay.priorities", "{alpha: 2}"),
    "priority nan": fit("epsilon must be above 0, got nan", "--data.replay.priorities", "{epsilon: .nan}"),
    "priority inf": fit("epsilon must be finite, got inf", "--data.replay.priorities", "{epsilon: .inf}"),
    "huber_delta nan": fit("huber_delta must be above 0, got nan", "--model.huber_delta", ".nan"),
    "huber_delta inf": fit("huber_delta must be finite, got inf", "--model.huber_delta", ".inf"),
    "target_tau nan": fit("got nan", "--model.target_every", "null", "--model.target_tau", ".nan"),
    "no target update": fit("got None and None", "--model.target_every", "null"),
    "reward_scale nan": fit("reward_scale must be above 0, got nan", "--data.reward_scale", ".nan"),
    "reward_scale inf": fit("reward_scale must be finite, got inf", "--data.reward_scale", ".inf"),
    "rehearsal_ratio nan": fit("below 1, got nan", "--data.rehearsal_ratio", ".nan"),
    "rehearsal_ratio 1": fit("below 1, got 1.0", "--data.rehearsal_ratio", "1"),
    "epsilon nan": fit("data.epsilon must be a finite number, got nan", "--data.epsilon", ".nan"),
    "epsilon of an evaluation": fit("between 0 and 1, got -0.1", "--data.evaluation.epsilon", "-0.1"),
    "test_epsilons nan": fit("between 0 and 1, got nan", "--data.evaluation.test_epsilons", "[.nan]"),
    "test_epsilons empty": fit("at least one exploration rate", "--data.evaluation.test_epsilons", "[]"),
    "test_epsilons twice": fit("names 0.05 twice", "--data.evaluation.test_epsilons", "[0.05, 0.05]"),
    "release longer than the step": fit("between 0 and 3 frames, got 4", "--data.env.release_frames", "4"),
    "env_steps of no learner_step": fit(
        "between 1 and 1,000,000,000,000 env_steps, got 0", "--data.env_steps_per_learner_step", "0"
    ),
    "batch above capacity": fit(
        "batch_size must be at most data.replay.capacity (900), got 1000",
        *("--data.replay.capacity", "900", "--data.replay.batch_size", "1000"),
    ),
    "weight nan": fit("must be 0 or more and finite", "--data.train_states", "{VeryEasy.Ember-04: .nan}"),
    "weights 0": fit("sum to 0", "--data.train_states", "{VeryEasy.Ember-04: 0}"),
    "clip": fit("gradient_clip_val must be 0 or more and finite", "--trainer.gradient_clip_val", "-1"),
    "clip nan": fit("gradient_clip_val must be 0 or more and finite", "--trainer.gradient_clip_val", ".nan"),
    "accumulate": fit("must be at least 1 batch, got 0", "--trainer.accumulate_grad_batches", "0"),
    "log_every_n_steps": fit("at least 0 learner_steps, got -1", "--trainer.log_every_n_steps", "-1"),
    # -- sizes
    "capacity": fit("7.1 EB of memory, this machine or container has", "--data.replay.capacity", str(10**15)),
    "hidden": fit("75.3 TB of memory, this machine or container has", "--model.network.hidden", str(10**9)),
    "recording": fit("of memory, this machine or container has", "--data.recording.env_steps", str(10**15)),
    "num_envs": fit("between 1 and 1,024, got 100000", "--data.env.num_envs", "100000"),
    "num_envs of an evaluation": fit("between 1 and 1,024, got 100000", "--data.evaluation.num_envs", "100000"),
    "batch_size": fit("between 1 and 16,384 transitions", "--data.replay.batch_size", str(10**9)),
    "n_step": fit("n_step must be between 1 and 100 env_steps", "--data.replay.n_step", str(10**8)),
    "test_matches": fit("between 1 and 10,000, got 1000000000", "--data.evaluation.test_matches", str(10**9)),
    "matches": fit("between 1 and 10,000", "--data.evaluation.matches", str(10**9)),
    "length of a match": fit("between 1 and 1,000,000 env_steps", "--data.env.max_env_steps", str(10**18)),
    "frame_skip": fit("between 1 and 60 frames", "--data.env.frame_skip", str(10**9)),
    "max_noops": fit("between 0 and 3,600 frames", "--data.env.max_noops", str(10**12)),
    "length of a run": fit("between 1 and 1,000,000,000,000 env_steps", "--data.max_env_steps", "4" + "0" * 25),
    "warm-up": fit("between 0 and 1,000,000,000,000 env_steps", "--data.warmup_env_steps", "1" + "0" * 20),
    "many threads": fit("torch_threads must be between 1 and 256", "--torch_threads", str(10**6)),
    "seed": fit("seed_everything must be between 0 and 4,294,967,295", "--seed_everything", str(2**32)),
    "devices": fit("trainer.strategy must be ddp for 2 ranks", "--trainer.devices", "2"),
    "any devices": fit("trainer.devices must be a number from 1 on, got auto", "--trainer.devices", "auto"),
    "all devices": fit("trainer.devices must be a number from 1 on, got -1", "--trainer.devices=-1"),
    "nodes": fit("trainer.strategy must be ddp for 3 ranks", "--trainer.num_nodes", "3"),
    "samples": method("ElasticWeightConsolidation", "samples must be between 1 and", samples=10**12),
    "observations": method("Cloning", "batch_size must be between 1 and 16,384", batch_size=10**9),
    "matches that count": method("WeaknessTargeting", "matches must be between 1 and 100,000", matches=10**20),
    # -- schedules, optimizers, methods
    "rate nan": fit("model.learning_rate must be a finite number, got nan", LEARNING_RATE, ".nan"),
    "rate 1e400": fit("model.learning_rate must be a finite number, got inf", LEARNING_RATE, "1e400"),
    "rate null": fit("--model.learning_rate is empty", LEARNING_RATE, "null"),
    "rate list": fit("must be a Schedule or a number", LEARNING_RATE, "[1.0e-4]"),
    "rate word": fit("'fast' is neither a number nor a class; valid: Constant", LEARNING_RATE, "fast"),
    "schedule of no length": fit("env_steps must be a whole number of env_steps, 1", f"{LEARNING_RATE}.env_steps=0"),
    "schedule of negative length": fit("at most 1.0, got -5", f"{LEARNING_RATE}.env_steps=-5"),
    "schedule of length nan": fit("at most 1.0, got nan", f"{LEARNING_RATE}.env_steps=.nan"),
    "schedule longer than the run": fit("at most 1.0, got 1.5", f"{LEARNING_RATE}.env_steps=1.5"),
    "schedule of length true": fit("learning_rate.env_steps must be a number, got", f"{LEARNING_RATE}.env_steps=true"),
    "env_steps with an exponent": fit("got 200000.0; write 200000", "--data.evaluation.every=2e5"),
    "no part of the run": fit("every must be a whole number of env_steps", "--data.evaluation.every=0.0"),
    "interval true": fit("data.evaluation.every must be a number, got true", "--data.evaluation.every=true"),
    "warm-up of a rate": fit("at most 1.0, got 0.0; write 0", "--model.learning_rate_warmup=0.0"),
    "interval of checkpoints": fit("every_env_steps must be a whole number of", "--checkpoint.every_env_steps=-1"),
    "minutes between checkpoints": fit("checkpoint.every_minutes must be above 0", "--checkpoint.every_minutes=0"),
    "interval null": method("WeaknessTargeting", "at most 1.0, got None", every="null"),
    "period": fit(
        "Cyclical: period must be a whole number of env_steps, 1 or more, or a fraction",
        *(LEARNING_RATE, "{class_path: Cyclical, init_args: {low: 0, high: 1, period: 1.01}}"),
    ),
    "length of a phase": method(
        "Curriculum", "write 100000", phases="[{states: [original], env_steps: 1e5}, {states: [original]}]"
    ),
    "layer unfrozen at a word": method(
        "FreezeLayers", "unfreeze_at must be a mapping from names to numbers or null", unfreeze_at="{heads: late}"
    ),
    "layer unfrozen after the run": method("FreezeLayers", "'heads' must be a whole", unfreeze_at="{heads: 1.1}"),
    "schedule from nan": fit("Linear: start must be a finite number, got nan", f"{LEARNING_RATE}.start=.nan"),
    "decay to 0": fit(
        "Exponential: end must be above 0, got 0.0",
        *(LEARNING_RATE, "{class_path: Exponential, init_args: {start: 1, end: 0, env_steps: 4}}"),
    ),
    "base of schedules": fit("only the base of others; valid: Constant", LEARNING_RATE, "{class_path: Schedule}"),
    "function for a schedule": fit("os.system is no Schedule", LEARNING_RATE, "{class_path: os.system}"),
    "reward": fit("no class DamageRewrd; did you mean 'DamageReward'?", REWARD, "DamageRewrd"),
    "base of rewards": fit("data.env.reward: Reward is only the base of others; valid: ", REWARD, "Reward"),
    "class that is no reward": fit(
        "data.env.reward: mk_lightning.Cloning is no Reward; ", REWARD, "mk_lightning.Cloning"
    ),
    "reward that lacks a method": fit("Idle is only the base of others", REWARD, "tests.envs.own_rewards.Idle"),
    "module of a reward": fit("data.env.reward: Problem with given class_path 'nowhere.Own'", REWARD, "nowhere.Own"),
    "null for a reward": fit("--data.env.reward is empty; give it a value", REWARD, "null"),
    "argument of a reward": fit(
        "no option 'per_pixl'; did you mean 'per_pixel'?",
        REWARD,
        "tests.envs.own_rewards.Advance",
        f"{REWARD}.per_pixl=1",
    ),
    "number of a reward": fit(
        "reward.per_pixel must be a number, got x", REWARD, "tests.envs.own_rewards.Advance", f"{REWARD}.per_pixel=x"
    ),
    "reward that forgets": fit("Forgetful must keep its argument bonus", REWARD, "tests.envs.own_rewards.Forgetful"),
    "optimizer": fit("no class Adaam; did you mean 'Adam'?", "--model.optimizer", "Adaam"),
    "argument of an optimizer": fit(
        "no option 'epsilon'", "--model.optimizer", "torch.optim.Adam", "--model.optimizer.epsilon", "1"
    ),
    "number of an optimizer": fit(
        "Invalid epsilon value: -1.0", "--model.optimizer", "torch.optim.Adam", "--model.optimizer.eps", "-1"
    ),
    "num_actions": fit("model.num_actions follows from data.game; leave it out", "--model.num_actions", "5"),
    "max_epochs": fit("trainer.max_epochs follows from data.max_env_steps", "--trainer.max_epochs", "3"),
    "accelerator": fit("invalid accelerator name", "--trainer.accelerator", "gpuu"),
    "accelerator that is not here": fit(
        "trainer.accelerator cannot be used, got mps: there is none here; cpu works", "--trainer.accelerator", "mps"
    ),
    "methods that cancel each other, found when the checkpoint has been read": Mistake(
        ["fit", "-c", "dojo/finetune", "-m", "curriculum", "-m", "weakness"], "both choose the training states"
    ),
    "script of a library's": Mistake(
        ["--print_shtab=bash"], "no option --print_shtab; `mk-lightning completion bash` prints the script"
    ),
    "precision": fit("trainer.precision must be one of", "--trainer.precision", "7"),
    "strength nan": method("ElasticWeightConsolidation", "strength must be above 0, got nan", strength=".nan"),
    "estimator": method("ElasticWeightConsolidation", "one of 'q_value', 'policy', got fisher", estimator="fisher"),
    "weight of cloning": method("Cloning", "weight must be a finite number, got nan", weight=".nan"),
    "temperature": method("Kickstarting", "temperature must be finite, got inf", temperature=".inf"),
    "rate missing": method("WeightDecay", "required: rate"),
    "regular expression": method("FreezeLayers", "is no regular expression", patterns="['re:(']"),
    "everything frozen": method("FreezeLayers", "freeze every parameter", patterns="['*']"),
    "margin nan": method("ForgettingGuard", "margin must be at least 0 and below 1, got nan", margin=".nan"),
    "state of a phase": method(
        "Curriculum", "no state 'orignal'", phases="[{states: [orignal], env_steps: 5}, {states: [original]}]"
    ),
    "module of a callback": method("nowhere.Method", "No module named 'nowhere'"),
    # -- W&B, films, directories, commands
    "mode of W&B": fit(
        "mode must be one of 'online', 'offline' or null",
        "-c",
        "configs/logger/wandb.yaml",
        "--trainer.logger.mode=onlin",
    ),
    "option of W&B": fit("did you mean 'project'?", "-c", "configs/logger/wandb.yaml", "--trainer.logger.projct=x"),
    "patience nan": fit(
        "patience must be above 0 s", "-c", "configs/logger/wandb.yaml", "--trainer.logger.patience=.nan"
    ),
    "logger": fit("did you mean 'WandbRun'?", "--trainer.logger", "wandb"),
    "format of a film": Mistake(["predict", "--film.format", "avi"], "must be one of 'mp4', 'gif', got avi"),
    "number of films": Mistake(
        ["predict", *PRETRAIN[1:], "--film.matches", "-1"], "film.matches must be at least 0, got -1"
    ),
    "option of a film": Mistake(["predict", "--film.formt", "mp4"], "did you mean 'film.format'?"),
    "run_dir empty": fit("--run_dir is empty; give it a value", "--run_dir", ""),
    "run_dir below a file": fit("is a file", "--run_dir", "f/x", files=lambda folder: (folder / "f").write_text("")),
    "run_dir of two lines": fit("run_dir must name a directory", "--run_dir", "runs/a\nb"),
    "run_dir that is no text": fit("run_dir must name a directory", "--run_dir", "runs/a\udcff"),
    "run_dir too long": fit("too long", "--run_dir", "r" * 250),
    "no command": Mistake([], "no command given; valid: fit, validate, test, predict, states, import, weak"),
    "command": Mistake(["fitt"], "no command 'fitt'; did you mean 'fit'?"),
    "tool": Mistake(["dcotor"], "no command 'dcotor'; did you mean 'doctor'?"),
    "loose word": Mistake(["fit", "configs/dojo/pretrain.yaml"], "unrecognized arguments: configs/dojo/pretrain.yaml"),
    "no config": Mistake(["fit", "--run_dir", "x"], "no config given; for example: mk-lightning fit -c dojo/finetune"),
    "no config to test": Mistake(["test"], "no config given; for example: mk-lightning test -c dojo/finetune"),
    "option without a value": fit("expected one argument", "--data.max_env_steps"),
    "code in checkpoints": fit("no option --weights_only", "--weights_only", "false"),
    # -- config files
    "empty config": config("", "a config must be a mapping of keys, got nothing"),
    "list as a config": config("- 1\n", "a config must be a mapping of keys, got - 1"),
    "binary config": config(bytes(range(256)), "not text in UTF-8"),
    "config in Latin-1": config("# \xe9\n".encode("latin1"), "not text in UTF-8 (byte 2)"),
    "config in UTF-16": config("torch_threads: 1\n".encode("utf16"), "not text in UTF-8"),
    "tab": config(
        "data:\n\tgame: dojo\n", "c.yaml is not YAML: line 2, column 1: found character '\\t' that cannot start"
    ),
    "unclosed": config(
        "data: {game: dojo\n",
        "line 2, column 1: expected ',' or '}', but got '<stream end>' (while parsing a flow mapping of line 1); there: "
        "data: {game: dojo\n",
    ),
    "key twice": config("torch_threads: 1\ntorch_threads: 2\n", "key 'torch_threads' stands there twice"),
    "a billion laughs": config(BOMB, "aliases stand for more than 100,000 entries"),
    "alias of itself": config("a: &a [*a]\n", "an alias stands for what it is part of"),
    "no such alias": config("data: *nope\n", "undefined alias"),
    "deep config": config("a: " + "[" * 3000, "nested too deeply"),
    "huge config": config("#" + "x" * 2_000_000, "it has 2,000,001 bytes, more than 1,000,000"),
    "code in a config": config(
        "a: !!python/object/apply:os.system ['touch ran']\n", "could not determine a constructor"
    ),
    "date that is none": config("run_dir: 2020-13-45\n", "month must be in 1..12"),
    "section": config("modle: {hidden: 3}\n", "no key modle.hidden in the config; did you mean 'model'?"),
    "directory as a config": Mistake(["fit", "-c", "."], ". is a directory, not a config"),
    "config after an equals sign": Mistake(["fit", "--config=configs/dojo/pretain.yaml"], "pretrain.yaml"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_refused_in_one_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MISTAKES[name].hint in refuse(MISTAKES[name], tmp_path, capfd, monkeypatch)
