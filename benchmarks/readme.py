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
FINETUNE = "-c configs/dojo/finetune.yaml"
GREEDY = "--data.evaluation.test_epsilons [0.0]"
COMMANDS = {
    "demo": f"fit {FINETUNE} -c configs/dojo/recommended.yaml -c configs/dojo/short.yaml --run_dir runs/demo",
    "before": f"test {FINETUNE} {GREEDY} --ckpt_path checkpoints/dojo-base.ckpt --run_dir runs/before",
    "weak": "weak runs/before-test/evaluation_epsilon_0.json --below 0.6",
    "after": f"test {FINETUNE} {GREEDY} --ckpt_path checkpoints/dojo-finetuned.ckpt --run_dir runs/after",
    "compare": "compare runs/before-test/evaluation_epsilon_0.json runs/after-test/evaluation_epsilon_0.json",
}
"""Without `mk-lightning`; in the order in which they need each other's files."""


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
    words = [sys.executable, "-m", "mk_lightning.cli", *command.split()]
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
