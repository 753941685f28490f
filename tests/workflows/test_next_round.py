"""Fine-tuning is never one run: the second round begins where the first one ended, by the commands that are printed."""

from __future__ import annotations

import contextlib
import io
import shlex
from pathlib import Path

import pytest
import yaml

from mk_lightning.cli.main import main
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.utils.files import sha256
from mk_lightning.workflows.finetuning import FineTuned

EASY, LOST = "VeryEasy.Ember-04", "VeryHard.Kestrel-05"
SHORT = """
data:
  original_states: [VeryEasy.Ember-04]
  challenging_states: [VeryHard.Kestrel-05]
  max_env_steps: 64
  warmup_env_steps: 64
  recording: {env_steps: 100, epsilon: 0.05}
  replay: {capacity: 2000, batch_size: 8}
  env: {num_envs: 2, max_env_steps: 200}
  evaluation: {every: 1.0, matches: 1, test_matches: 1, num_envs: 2}
"""


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of two rounds, the second by what the first one printed; and what the second one printed."""
    folder = tmp_path_factory.mktemp("rounds")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        Path("short.yaml").write_text(SHORT)
        first = printed("fit", "-c", "configs/dojo/finetune.yaml", "-c", "configs/dojo/recommended.yaml",
                        "-c", "short.yaml", "--run_dir", "runs/one")  # fmt: skip
        line = next(line for line in first.splitlines() if line.startswith("another round"))
        assert f"still lost: {LOST} 0% of 1" in first
        for command in line.partition(": ")[2].split(" && "):
            second = printed(*shlex.split(command)[1:])
    return folder, second


def printed(*words: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        main(list(words))
    return out.getvalue()


def test_the_second_round_begins_with_the_weights_of_the_first(rounds: tuple[Path, str]) -> None:
    folder, _ = rounds
    best = folder / "runs/one/checkpoints/best.ckpt"
    config = yaml.safe_load((folder / "runs/one-2/config.yaml").read_text())
    assert config["model"]["init_from"] == str(best)
    before = Evaluation.read(folder / "runs/one-2/before.json")
    assert before.policy == str(best)
    assert before.sha256 == sha256(best)


def test_its_originals_are_what_the_first_one_wins(rounds: tuple[Path, str]) -> None:
    folder, _ = rounds
    after = Evaluation.read(folder / "runs/one/after.json")
    won = [state for state, score in after.scores().items() if score.win_rate >= 0.6]
    assert won == [EASY]
    assert Evaluation.read(folder / "runs/one-2/before.json").groups == {"original": won, "challenging": [LOST]}
    result = FineTuned.read(folder / "runs/one")
    assert (result.lost, result.won) == ([LOST], [EASY])


def test_it_is_measured_on_other_matches_than_those_that_chose(rounds: tuple[Path, str]) -> None:
    folder, _ = rounds
    first, second = (Evaluation.read(folder / f"runs/{run}/before.json") for run in ("one", "one-2"))
    assert not {(m.state, m.seed) for m in first.matches} & {(m.state, m.seed) for m in second.matches}


def test_one_challenging_state_is_enough_for_the_recipe(rounds: tuple[Path, str]) -> None:
    folder, _ = rounds
    config = yaml.safe_load((folder / "runs/one-2/config.yaml").read_text())
    assert "WeaknessTargeting" in str(config["trainer"]["callbacks"])
