"""The order of a command line, configs that are pipes, and options that somebody put into the environment."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.arguments import arrange, check_environment
from mk_lightning.cli.main import main
from mk_lightning.utils.errors import UserError
from tests.test_resume import CONFIG

Pipe = Callable[[str], str]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a directory with two configs and a file for a group."""
    monkeypatch.chdir(tmp_path)
    Path("a.yaml").write_text(yaml.safe_dump(CONFIG))
    Path("b.yaml").write_text("model: {target_every: 8}\ndata: {reward_scale: 7.0}\n")
    Path("data.yaml").write_text("env: {num_envs: 4}\nreward_scale: 3.0\n")


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    """Makes pipes that can be read once, as `<(...)` does."""
    ends: list[int] = []

    def make(content: str) -> str:
        ends.extend(os.pipe())
        writer = ends.pop()
        thread = threading.Thread(target=lambda: (os.write(writer, content.encode()), os.close(writer)))
        thread.start()
        thread.join()
        return f"/dev/fd/{ends[-1]}"

    yield make
    for end in ends:
        os.close(end)


def parsed(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    """The config that the words make."""
    with pytest.raises(SystemExit) as stop:
        main([*words, "--print_config"])
    out, err = capsys.readouterr()
    assert not stop.value.code, err
    return yaml.safe_load(out)


def line(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one with which the words are refused."""
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    err = capsys.readouterr().err
    assert (stop.value.code, err.count("\n")) == (2, 1)
    return err.removeprefix("mk-lightning: error: ").rstrip()


@pytest.mark.parametrize(
    ("given", "arranged"),
    {
        "fit --x 1 -c a.yaml": "fit -c a.yaml --x 1",
        "fit --x 1 -c a.yaml --y 2 --config b.yaml": "fit -c a.yaml -c b.yaml --x 1 --y 2",
        "fit --x=1 -ca.yaml --config=b.yaml -c=a.yaml": "fit -c a.yaml -c b.yaml -c a.yaml --x=1",
        "fit --data.env.num_envs 2 --data data.yaml -c a.yaml": (
            "fit -c a.yaml --data data.yaml --data.env.num_envs 2"
        ),
        "fit --data.env.num_envs 2 --data=data.yaml": "fit --data data.yaml --data.env.num_envs 2",
        "fit --data.env.num_envs 2 --data {env:3}": "fit --data.env.num_envs 2 --data {env:3}",
        "fit --a+=B --a.c data.yaml --a+=D -c a.yaml": "fit -c a.yaml --a+=B --a.c data.yaml --a+=D",
        "-c b.yaml fit --x 1 -c a.yaml": "-c b.yaml fit -c a.yaml --x 1",
        "-c fit validate --x 1 -c a.yaml": "-c fit validate -c a.yaml --x 1",
        "test --ckpt_path=a.yaml -c a.yaml": "test -c a.yaml --ckpt_path a.yaml",
        "fit --x 1 -c": "fit -c --x 1",
        "--help": "--help",
        "": "",
    }.items(),
)
def test_files_come_before_options(given: str, arranged: str) -> None:
    assert arrange(given.split()) == arranged.split()


@pytest.mark.parametrize(
    ("given", "checkpoint"),
    [
        ("fit -c run/config.yaml --ckpt_path last", "run/checkpoints/last.ckpt"),
        ("test --ckpt_path=best -c run/config.yaml --run_dir=run", "run/checkpoints/best.ckpt"),
        ("fit -c run/config.yaml --ckpt_path last --run_dir other", "last"),
        ("fit -c run-2/config.yaml --ckpt_path last", "last"),
        ("fit -c a.yaml --ckpt_path last --run_dir run", "last"),
    ],
)
def test_last_and_best_are_those_of_the_run_whose_config_is_given(given: str, checkpoint: str) -> None:
    for name in ("last", "best"):
        (Path("run/checkpoints").mkdir(parents=True, exist_ok=True), Path(f"run/checkpoints/{name}.ckpt").touch())
    Path("run/config.yaml").touch()
    words = arrange(given.split())
    assert words[words.index("--ckpt_path") + 1] == checkpoint


def test_an_option_wins_wherever_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--data.reward_scale", "5", "-c", "a.yaml", "--model.target_every", "4", "-c", "b.yaml")
    config = parsed(capsys, "fit", *words)
    assert (config["data"]["reward_scale"], config["model"]["target_every"]) == (5.0, 4)
    config = parsed(capsys, "fit", "--data.reward_scale", "5", "-c", "b.yaml", "--data", "data.yaml")
    data = config["data"]
    assert (data["reward_scale"], config["model"]["target_every"], data["env"]["num_envs"]) == (5, 8, 4)


def test_of_two_configs_the_later_wins(capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed(capsys, "fit", "-c", "a.yaml", "-c", "b.yaml")["model"]["target_every"] == 8
    Path("c.yaml").write_text("model: {target_every: 9}")
    assert parsed(capsys, "fit", "-c", "a.yaml", "-c", "b.yaml", "-c", "c.yaml")["model"]["target_every"] == 9
    assert parsed(capsys, "fit", "-c", "a.yaml", "-c", "c.yaml", "-c", "b.yaml")["model"]["target_every"] == 8


def test_configs_can_be_pipes(capsys: pytest.CaptureFixture[str], pipe: Pipe) -> None:
    words = [
        "-c",
        pipe(Path("a.yaml").read_text()),
        "-c",
        pipe("model: {target_every: 9}"),
        "--data",
        pipe("reward_scale: 2"),
    ]
    config = parsed(capsys, "fit", *words)
    assert (config["model"]["target_every"], config["data"]["reward_scale"], config["data"]["max_env_steps"]) == (
        9,
        2,
        320,
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (": : :", "{} is not YAML"),
        ("a: &a [*a]", "{} is not YAML"),
        ("x: " + "y" * 999_998, "{} is no config: it has 1,000,001 bytes"),
        ("", "a config must be a mapping of keys, got nothing"),
        ("model: {q_limit: many}", "model.q_limit must be a number, got many"),
    ],
)
def test_a_mistake_in_a_pipe_is_told_of_what_was_given(
    content: str, said: str, capsys: pytest.CaptureFixture[str], pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(Path("tmp").absolute()))
    if len(content) < 1000:
        config = pipe(content)
    else:  # more than a pipe holds
        os.mkfifo(config := "fifo")
        threading.Thread(target=Path(config).write_text, args=(content,)).start()
    assert line(capsys, "fit", "-c", config).startswith(said.format(config))
    assert list(Path("tmp").iterdir()) == [], "what it was kept in is gone"


def test_a_name_that_is_too_long_for_a_file_is_no_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert line(capsys, "fit", "-c", "x" * 300).startswith("no config xxx")
    states = ", ".join(["VeryEasy.Bramble-01", "VeryEasy.Ember-04"] * 10)
    assert parsed(capsys, "fit", "--data", f"{{train_states: [{states}]}}")["data"]["train_states"][0].startswith(
        "Very"
    )


@pytest.mark.parametrize(
    ("name", "instead"),
    {
        "PL_FIT__DATA__ENV__NUM_ENVS": "--data.env.num_envs",
        "PL_FIT__SEED_EVERYTHING": "--seed_everything",
        "PL_VALIDATE__MODEL__INIT_FROM": "--model.init_from",
        "PL_TEST__CKPT_PATH": "--ckpt_path",
        "PL_PREDICT__CONFIG": "--config",
        "PL_CONFIG": "--config",
        "PL_TRAINER_MAX_EPOCHS": "--trainer.max_epochs",
    }.items(),
)
def test_options_in_the_environment_are_refused(
    name: str, instead: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "4 5")
    monkeypatch.setenv("JSONARGPARSE_DEFAULT_ENV", "true")
    said = f"the environment's {name} is not read; unset it and give {instead} '4 5'"
    assert line(capsys, "fit", "-c", "a.yaml") == said


def test_other_variables_are_nobodys_options() -> None:
    names = (
        "PL_GLOBAL_SEED",
        "PL_SEED_WORKERS",
        "PL_FIT",
        "PL_FITTING__X",
        "MY_PL_FIT__DATA",
        "PL_RUN_STANDALONE_TESTS",
    )
    check_environment(dict.fromkeys(names, "1"))
    with pytest.raises(UserError):
        check_environment({"PL_FIT__X": "1"})


def test_a_command_line_leaves_nothing_to_the_next_of_its_process(capsys: pytest.CaptureFixture[str]) -> None:
    """Which has the same parser."""
    plain = parsed(capsys, "fit", "-c", "a.yaml")
    other = ["--data.env.num_envs=4", "--trainer.callbacks+=Cloning", "--model.network=ImpalaDueling"]
    changed = parsed(capsys, "fit", "-c", "a.yaml", "-c", "b.yaml", *other)
    assert (changed["data"]["env"]["num_envs"], changed["data"]["reward_scale"]) == (4, 7.0)
    assert len(changed["trainer"]["callbacks"]) == 2
    assert parsed(capsys, "fit", "-c", "a.yaml") == plain
    assert line(capsys, "fit", "-c", "a.yaml", "--data.env.num_envs=0")
    assert parsed(capsys, "fit", "-c", "a.yaml") == plain
