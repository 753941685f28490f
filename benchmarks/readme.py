"""Runs the commands that the README shows, and writes what they print into it.

Each `<!-- name -->` ... `<!-- /name -->` of the README holds a command's output. Every command runs in an empty folder,
with the shipped configs and checkpoints; progress (stderr) is left out.

    python benchmarks/readme.py [--only NAME ...]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path("README.md")
DEMO = ("finetune", "recommended", "short")
TEST = (
    "test -c configs/dojo/finetune.yaml --ckpt_path checkpoints/dojo-{0}.ckpt --run_dir runs/{0} "
    "--data.evaluation.test_matches 50 --data.evaluation.test_epsilons [0.0]"
)
TESTED = "runs/{0}-test/evaluation_epsilon_0.json"
COMMANDS = {
    "demo": f"fit {' '.join(f'-c configs/dojo/{name}.yaml' for name in DEMO)} --run_dir runs/demo",
    "before": TEST.format("base"),
    "weak": f"weak {TESTED.format('base')} --below 0.7",
    "after": TEST.format("finetuned"),
    "compare": f"compare {TESTED.format('base')} {TESTED.format('finetuned')}",
}
"""Without `mk-lightning`; each may use what those before it wrote."""


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description="write what the README's commands print into it")
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS), help="commands to run")
    only = parser.parse_args().only
    with tempfile.TemporaryDirectory() as folder:
        for name, command in COMMANDS.items():
            if name in only:
                print(f"mk-lightning {command}", flush=True)
                README.write_text(replaced(README.read_text(), name, output(command, Path(folder))))


def output(command: str, folder: Path) -> str:
    """What a command prints."""
    words = [sys.executable, "-m", "mk_lightning", *command.split()]
    environment = os.environ | {"COLUMNS": "110"}
    return subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def replaced(text: str, name: str, output: str) -> str:
    """The README with another output in one of its places."""
    start, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if not (start in text and end in text):
        sys.exit(f"no {start} ... {end} in {README}")
    block = f"{start}\n```text\n{output.rstrip()}\n```\n{end}"
    return re.sub(f"{re.escape(start)}.*?{re.escape(end)}", lambda _: block, text, flags=re.S)


if __name__ == "__main__":
    main()
