"""torchrun on two machines: network namespaces, joined by nothing but a cable."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks._namespaces import Machine, torchrun, two_machines
from benchmarks._whole_run import differences, everything
from mk_lightning.checkpointing.io import check_whole
from tests.commands import PROGRAM
from tests.ranks.commands import QUIET, run, write_config
from tests.ranks.test_failures import LONG, wait_for_training
from tests.ranks.watching import watched

TWO_NODES = ["--trainer.num_nodes", "2", "--trainer.strategy", "ddp"]


@pytest.fixture
def machines() -> Iterator[tuple[Machine, Machine]]:
    try:
        with two_machines() as machines:
            yield machines
    except RuntimeError as error:
        pytest.skip(str(error))


def start(commands: list[list[str]], folder: Path) -> list[tuple[subprocess.Popen[bytes], Path]]:
    """Start commands, each in a directory of its own; return them, and the files that hold what they say."""
    started = []
    for number, words in enumerate(commands):
        (own := folder / f"machine-{number}").mkdir()
        with (file := own / "said.txt").open("w") as said:
            process = subprocess.Popen(words, cwd=own, env=os.environ | QUIET, stdout=said, stderr=said)
        started.append((process, file))
    return started


def ended(started: list[tuple[subprocess.Popen[bytes], Path]], seconds: float = 300) -> tuple[list[int], list[str]]:
    """Wait for their ends, and return their exit codes and what they said."""
    return [process.wait(seconds) for process, _ in started], [file.read_text() for _, file in started]


def test_a_fit_on_two_machines_is_that_of_two_local_ranks(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    """And the gradients of every learner_step have come over the cable."""
    config = write_config(tmp_path / "c.yaml", [{"class_path": "tests.ranks.watching.Watch"}])
    fit = [str(PROGRAM), "fit", "-c", str(config), "--run_dir", str(tmp_path / "run"), *TWO_NODES]
    codes, said = ended(start(torchrun(machines, *fit), tmp_path))
    assert codes == [0, 0], said
    assert [text.count("run: ") for text in said] == [1, 0]
    run(2, "fit", "-c", config, "--run_dir", tmp_path / "local")
    assert differences(everything(tmp_path / "run"), everything(tmp_path / "local")) == []
    noted = watched(tmp_path / "run", 2)
    assert noted == watched(tmp_path / "local", 2)
    weights = torch.load(tmp_path / "run/checkpoints/last.ckpt")["state_dict"]
    gradients = len(noted[0]) * sum(
        4 * weight.numel() for name, weight in weights.items() if name.startswith("online.")
    )
    assert all(machine.received() > gradients for machine in machines)


def test_machines_without_a_disk_in_common_are_refused(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    (disk := tmp_path / "disk").mkdir()
    config = write_config(tmp_path / "c.yaml")
    first, second = torchrun(machines, str(PROGRAM), "fit", "-c", str(config), "--run_dir", f"{disk}/run", *TWO_NODES)
    there = second.index("env")  # what comes before has made a namespace for mounts, too
    own_disk = ["sh", "-c", f'mount -t tmpfs own {disk} && exec "$@"', "sh"]
    codes, said = ended(start([first, [*second[:there], *own_disk, *second[there:]]], tmp_path))
    assert codes == [1, 0], said  # the second is told by the first
    lines = [line for text in said for line in text.splitlines() if line.startswith("mk-lightning: error: ")]
    assert lines == [
        f"mk-lightning: error: rank 1 cannot see {disk}/run, which rank 0 writes: the ranks of a run need a shared disk"
    ]
    assert "measuring" not in said[0], "something was played"
    assert [path.name for path in disk.glob("run/*.part")] == []


def test_when_a_machine_goes_the_other_ends_within_a_minute(machines: tuple[Machine, Machine], tmp_path: Path) -> None:
    config = write_config(tmp_path / "c.yaml", [{"class_path": "tests.ranks.watching.Watch"}])
    fit = [str(PROGRAM), "fit", "-c", str(config), "--run_dir", str(tmp_path / "run"), *LONG, *TWO_NODES]
    started = start(torchrun(machines, *fit), tmp_path)
    wait_for_training(tmp_path / "run", started[1][0])
    machines[1].go()
    codes, said = ended(started, 60)
    assert codes == [1, 1], said
    lines = [[line for line in text.splitlines() if line.startswith("mk-lightning: ")] for text in said]
    assert lines == [
        [f"mk-lightning: stopped: {rank}another rank of the run has ended, or cannot be reached"]
        for rank in ("", "rank 1: ")
    ]
    assert check_whole(tmp_path / "run/checkpoints/last.ckpt")["env_steps"] > 40
