"""Launchers that start a run again by themselves: torchrun, and a batch script of SLURM's."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks._whole_run import differences, everything
from tests.commands import PROGRAM
from tests.ranks.commands import QUIET, run, write_config
from tests.ranks.test_failures import wait_for_training

ROOT = Path(__file__).parents[2]
WATCH = [{"class_path": "tests.ranks.watching.Watch"}]
TOOLS = {
    "srun": """#!{python}
import os, signal, subprocess, sys
tasks = [
    subprocess.Popen(sys.argv[1:], env=os.environ | {{"SLURM_PROCID": str(task), "SLURM_LOCALID": str(task)}})
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


def test_slurm_runs_the_script_of_the_docs_again_until_it_is_done(tmp_path: Path) -> None:
    config, run_dir = long(tmp_path), tmp_path / "run"
    config.write_text(f"{config.read_text()}\nrun_dir: {run_dir}\n")
    page = (ROOT / "docs/several-machines.md").read_text()
    (script,) = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH.*?)```", page, re.DOTALL)
    (tmp_path / "job.sh").write_text(script.replace("num_nodes 2", "num_nodes 1"))
    (tools := tmp_path / "bin").mkdir()
    for name, text in TOOLS.items():
        (tools / name).write_text(text.format(python=sys.executable))
        (tools / name).chmod(0o755)
    (tools / "mk-lightning").write_text(f'#!/bin/sh\nexec {sys.executable} {PROGRAM} "$@"\n')
    (tools / "mk-lightning").chmod(0o755)
    environment = os.environ | QUIET | SLURM | {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}

    def submit() -> subprocess.Popen[bytes]:
        with (tmp_path / "said.txt").open("w") as said:
            return subprocess.Popen(["bash", "job.sh"], cwd=tmp_path, env=environment, stdout=said, stderr=said)  # noqa: S607

    job = submit()
    wait_for_training(run_dir, job)
    for task in (tmp_path / "tasks").read_text().split():  # as the time limit comes near
        os.kill(int(task), signal.SIGUSR1)
    job.wait(100)
    requeued = tmp_path / "scontrol.txt"
    assert requeued.read_text() == "requeue 77\n", (tmp_path / "said.txt").read_text()
    job = submit()
    assert job.wait(200) == 0, (tmp_path / "said.txt").read_text()
    assert requeued.read_text() == "requeue 77\n"
    run(2, "fit", "-c", config, "--run_dir", tmp_path / "whole")
    assert differences(everything(run_dir), everything(tmp_path / "whole")) == []


def ranks_of(launcher: int) -> list[int]:
    """The processes that torchrun has started."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return [int(child) for child in children if b"--run_dir" in Path(f"/proc/{child}/cmdline").read_bytes()]
