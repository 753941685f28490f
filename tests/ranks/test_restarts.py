"""Launchers that start a run again by themselves: torchrun, and a batch script of SLURM's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks._whole_run import differences, everything
from tests.commands import PROGRAM
from tests.ranks.commands import QUIET, run, write_config
from tests.ranks.test_failures import wait_for_training

ROOT = Path(__file__).parents[2]
WATCH = [{"class_path": "tests.ranks.watching.Watch"}]
TOOLS = {
    "srun": """#!{python}
import os, signal, subprocess, sys
program = [word for word in sys.argv[1:] if word != "--cpus-per-task=8"]
tasks = [
    subprocess.Popen(program, env=os.environ | {{"SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)}})
    for task in range(2)
]
open("tasks.tmp", "w").write(" ".join(str(task.pid) for task in tasks))
os.rename("tasks.tmp", "tasks")
sys.exit(max(task.wait() % 256 for task in tasks))
""",
    "scontrol": """#!/bin/sh
echo "$@" >> scontrol.txt
""",
}
"""What SLURM does here: two tasks of one node; the highest exit code is srun's."""
OWN_STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
"""Else torchrun's ranks read where those of the attempt before were (pytorch/pytorch#135712)."""
SLURM = {
    "SLURM_JOB_ID": "77", "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_NNODES": "1", "SLURM_NODEID": "0",
    "SLURM_JOB_NUM_NODES": "1", "SLURM_JOB_NODELIST": "localhost", "SLURM_NODELIST": "localhost",
}  # fmt: skip


def long(folder: Path, **data: Any) -> Path:
    """A config of a run that lasts long enough to be stopped, and saves often."""
    return write_config(folder / "my.yaml", WATCH, max_env_steps=2304, **data)


def test_torchrun_restarts_a_run_that_goes_on_bit_for_bit(tmp_path: Path) -> None:
    config = long(tmp_path)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    fit = [str(PROGRAM), "fit", "-c", str(config), "--ckpt_path", "auto", "--run_dir", str(tmp_path / "run")]
    options = ["--checkpoint.every_env_steps", "96", "--trainer.devices", "2", "--trainer.strategy", "ddp"]
    words, environment = [*launcher, "--max-restarts", "1", *fit, *options], os.environ | QUIET | OWN_STORE
    with (tmp_path / "said.txt").open("w") as said:
        process = subprocess.Popen(words, env=environment, stdout=said, stderr=said)
    wait_for_training(tmp_path / "run", process)
    (one, *_) = ranks_of(process.pid)
    os.kill(one, signal.SIGKILL)
    assert process.wait(200) == 0, (tmp_path / "said.txt").read_text()
    assert "resuming" in (tmp_path / "said.txt").read_text()
    run(2, "fit", "-c", config, "--run_dir", tmp_path / "whole", "--checkpoint.every_env_steps", "96")
    assert differences(everything(tmp_path / "run"), everything(tmp_path / "whole")) == []


def submitted(folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    """Run the script of the docs, with what there is of SLURM in `bin`; return its process, and what it says."""
    said = folder / "said.txt"
    environment = os.environ | QUIET | SLURM | {"PATH": f"{folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    with said.open("w") as file:
        job = subprocess.Popen(["bash", "job.sh"], cwd=folder, env=environment, stdout=file, stderr=file)  # noqa: S607
    return job, said


@pytest.fixture
def slurm(tmp_path: Path) -> Path:
    """A directory with the script of the docs for one node, and stand-ins for SLURM's commands."""
    page = (ROOT / "docs/several-machines.md").read_text()
    (script,) = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", page, re.DOTALL)
    (tmp_path / "job.sh").write_text(script.replace("num_nodes 2", "num_nodes 1"))
    (tools := tmp_path / "bin").mkdir()
    for name, text in TOOLS.items():
        (tools / name).write_text(text.format(python=sys.executable))
        (tools / name).chmod(0o755)
    (tools / "mk-lightning").write_text(f'#!/bin/sh\nexec {sys.executable} {PROGRAM} "$@"\n')
    (tools / "mk-lightning").chmod(0o755)
    return tmp_path


def test_slurm_runs_the_script_of_the_docs_again_until_it_is_done(slurm: Path) -> None:
    config, run_dir = long(slurm), slurm / "run"
    config.write_text(f"{config.read_text()}\nrun_dir: {run_dir}\n")
    job, said = submitted(slurm)
    wait_for_training(run_dir, job)
    for task in (slurm / "tasks").read_text().split():  # as the time limit comes near
        os.kill(int(task), signal.SIGUSR1)
    assert job.wait(100) == 138
    requeued = slurm / "scontrol.txt"
    assert requeued.read_text() == "requeue 77\n", said.read_text()
    job, said = submitted(slurm)
    assert job.wait(200) == 0, said.read_text()
    assert requeued.read_text() == "requeue 77\n"
    run(2, "fit", "-c", config, "--run_dir", slurm / "whole")
    assert differences(everything(run_dir), everything(slurm / "whole")) == []


def test_a_job_whose_run_fails_fails_and_is_not_requeued(slurm: Path) -> None:
    (slurm / "my.yaml").write_text("nothing: 1\n")
    job, said = submitted(slurm)
    assert job.wait(100) == 2, said.read_text()
    assert not (slurm / "scontrol.txt").exists()


def ranks_of(launcher: int) -> list[int]:
    """The processes that torchrun has started."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return [int(child) for child in children if b"--run_dir" in Path(f"/proc/{child}/cmdline").read_bytes()]
