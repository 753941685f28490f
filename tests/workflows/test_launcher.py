"""What every launcher that Lightning knows says of a process comes to: a run of its own, or one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from lightning_utilities.core.rank_zero import rank_zero_only

from mk_lightning.cli.main import main
from mk_lightning.utils.errors import UserError
from mk_lightning.workflows.launcher import HIDDEN, check_launcher, take_rank
from tests.test_resume import CONFIG

ROOT = Path(__file__).parents[2]
SRUN = {"SLURM_NTASKS": "4", "SLURM_PROCID": "2", "SLURM_LOCALID": "2", "SLURM_NODEID": "0", "SLURM_JOB_ID": "77"}
JSRUN = {"JSM_NAMESPACE_SIZE": "4", "JSM_NAMESPACE_RANK": "2", "JSM_NAMESPACE_LOCAL_RANK": "2", "LSB_JOBID": "77",
         "LSB_DJOB_RANKFILE": "/nowhere"}  # fmt: skip
OPEN_MPI = {"OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "2"}
PMI = {"PMI_SIZE": "4", "PMI_RANK": "2"}
TORCHRUN = {"TORCHELASTIC_RUN_ID": "none", "RANK": "2", "LOCAL_RANK": "2", "GROUP_RANK": "0", "WORLD_SIZE": "4"}

ALONE = {
    "nothing": {},
    "a rank alone": {"RANK": "1"},
    "a local rank alone": {"LOCAL_RANK": "1"},
    "a node's rank alone": {"NODE_RANK": "1", "GROUP_RANK": "1"},
    "a number of ranks alone": {"WORLD_SIZE": "4"},
    "words of somebody else's": {"RANK": "high", "LOCAL_RANK": "", "WORLD_SIZE": "large"},
    "sbatch without srun": {"SLURM_NTASKS": "4"},
    "srun of one task": {**SRUN, "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_NTASKS_PER_NODE": "1"},
    "torchrun of one process": {**TORCHRUN, "RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1"},
    "mpirun of one process": {**OPEN_MPI, "OMPI_COMM_WORLD_SIZE": "1", "OMPI_COMM_WORLD_RANK": "0"},
    "an interactive job of SLURM's": {"SLURM_JOB_NAME": "bash", "SLURM_NTASKS": "4", "SLURM_JOB_ID": "77"},
}
SIDE_BY_SIDE = {
    "srun": (SRUN, "task 2 of 4 of srun"),
    "srun with tasks a node": ({**SRUN, "SLURM_NTASKS_PER_NODE": "4"}, "task 2 of 4 of srun"),
    "srun --mpi=pmi2": ({**SRUN, **PMI}, "task 2 of 4 of srun"),
    "jsrun": (JSRUN, "task 2 of 4 of jsrun"),
    "jsrun, which is MPI's too": ({**JSRUN, **OPEN_MPI}, "task 2 of 4 of jsrun"),
}
REFUSED = {
    "torchrun": (TORCHRUN, "RANK=2 and WORLD_SIZE=4"),
    "torchrun below srun": ({**SRUN, **TORCHRUN}, "RANK=2 and WORLD_SIZE=4"),
    "Kubeflow's PyTorchJob": (
        {"MASTER_ADDR": "a", "MASTER_PORT": "1", "WORLD_SIZE": "2", "RANK": "0"},
        "RANK=0 and WORLD_SIZE=2",
    ),
    "mpirun": (OPEN_MPI, "OMPI_COMM_WORLD_RANK=2 and OMPI_COMM_WORLD_SIZE=4"),
    "mpirun in a job of SLURM's": (
        {**OPEN_MPI, "SLURM_NTASKS": "4", "SLURM_PROCID": "0"},
        "OMPI_COMM_WORLD_RANK=2 and OMPI_COMM_WORLD_SIZE=4",
    ),
    "mpiexec": (PMI, "PMI_RANK=2 and PMI_SIZE=4"),
}
TEST = {**CONFIG, "trainer": {"accelerator": "cpu"}}


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A test of a few matches, by a process that Lightning was imported in as rank 1."""
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(TEST))
    monkeypatch.setattr(rank_zero_only, "rank", 1, raising=False)
    for name in {*HIDDEN, *SRUN, *JSRUN, *OPEN_MPI, *PMI, *TORCHRUN}:
        monkeypatch.delenv(name, raising=False)
    return ["test", "-c", str(tmp_path / "c.yaml"), "--run_dir", str(tmp_path / "run")]


@pytest.mark.parametrize(
    "launcher", ["a rank alone", "words of somebody else's", "sbatch without srun", "srun with tasks a node", "jsrun"]
)
def test_a_process_is_a_whole_run(
    launcher: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    environment = ALONE[launcher] if launcher in ALONE else SIDE_BY_SIDE[launcher][0]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    main(words)
    assert "at epsilon 0.2" in capsys.readouterr().out
    run = tmp_path / "run-test"
    assert (run / "metrics.csv").read_text().count("\n") == 2
    assert (run / ".lock").read_text() == f"{os.getpid()}\n"
    assert {name: os.environ[name] for name in environment} == environment, "they are hidden while it runs, no longer"


@pytest.mark.parametrize("launcher", ALONE)
def test_one_process_is_told_nothing(launcher: str) -> None:
    assert check_launcher(ALONE[launcher]) is None


@pytest.mark.parametrize("launcher", SIDE_BY_SIDE)
def test_one_of_several_is_told_that_it_is_a_run_of_its_own(launcher: str) -> None:
    environment, task = SIDE_BY_SIDE[launcher]
    line = check_launcher(environment)
    assert line == f"{task}: a run of its own, in a directory of its own; each needs its own --seed_everything"


@pytest.mark.parametrize("launcher", REFUSED)
def test_a_rank_of_one_run_is_refused_in_one_line(
    launcher: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    environment, seen = REFUSED[launcher]
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert error.startswith(f"mk-lightning: error: {seen} (set by ")
    assert "start runs side by side instead, each with its own --seed_everything" in error
    assert not (tmp_path / "run-test").exists()


TWO_NODES = {"NODE_RANK": "1", "MASTER_ADDR": "first"}
RANK_OF_FOUR = {
    "Lightning, which has started it": ({"LOCAL_RANK": "3", "NODE_RANK": "0", "WORLD_SIZE": "4"}, (4, 1), 3),
    "nobody yet": ({}, (4, 1), 0),
    "nobody yet, in a job of one task": ({"SLURM_NTASKS": "1", "SLURM_PROCID": "0"}, (4, 1), 0),
    "nobody yet, on the second machine": (TWO_NODES, (2, 2), 2),
    "Lightning, on the second machine": ({**TWO_NODES, "LOCAL_RANK": "1", "WORLD_SIZE": "4"}, (2, 2), 3),
    "torchrun": (TORCHRUN, (4, 1), 2),
    "torchrun below srun": ({**SRUN, **TORCHRUN, "RANK": "3"}, (2, 2), 3),
    "srun": (SRUN, (2, 2), 2),
    "jsrun": (JSRUN, (4, 1), 2),
}


@pytest.mark.parametrize("launcher", RANK_OF_FOUR)
def test_a_run_on_several_devices_takes_its_rank_from_the_launcher(
    launcher: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lightning is shown what it knows a rank by; of a job of one task nothing by which it would wait for others."""
    environment, shape, rank = RANK_OF_FOUR[launcher]
    for name in HIDDEN:  # set first, so that what is shown does not outlast the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    hidden = {name: value for name, value in environment.items() if name in HIDDEN}
    assert take_rank(hidden, *shape) == rank
    assert {name: os.environ[name] for name in HIDDEN if name in os.environ} == (
        {} if "SLURM_NTASKS" in hidden and hidden["SLURM_NTASKS"] == "1" else hidden
    )


def test_a_launcher_of_another_number_of_ranks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"torchrun, .* has started 4 processes, but trainer\.devices 2 times .* is 2;"):
        take_rank(TORCHRUN, 2, 1)
    for name, value in OPEN_MPI.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="mpirun cannot start the ranks of a run; start them with torchrun or srun"):
        take_rank({}, 4, 1)


@pytest.mark.parametrize("value", ["high", ""])
def test_the_program_starts_whatever_a_rank_is(value: str) -> None:
    """Lightning and torchmetrics read them when they are imported."""
    done = subprocess.run(
        [sys.executable, "-m", "mk_lightning", "states"], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "RANK": value, "LOCAL_RANK": value},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_cluster_environment_among_the_plugins_is_refused(words: list[str], tmp_path: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        main([*words, "--trainer.plugins+=lightning_fabric.plugins.environments.SLURMEnvironment"])
    assert "trainer.plugins: SLURMEnvironment is for several ranks of one run; leave it out" in capsys.readouterr().err
    assert not (tmp_path / "run-test").exists()
