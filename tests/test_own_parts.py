"""A logger and an optimizer defined outside the package, as the documentation has them, in a config and in a script."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
import yaml

import mk_lightning as mk
from mk_lightning.cli.main import main
from mk_lightning.networks.checkpoint import read_checkpoint
from tests.networks.narrow import narrow
from tests.test_resume import CONFIG

DOCS = Path(__file__).parents[1] / "docs/extend"
OPTIMIZER = {"class_path": "lion.Lion", "init_args": {"beta": 0.8}}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the modules of the pages."""
    for page, module in (("logger", "journal"), ("optimizer", "lion")):
        (code,) = re.findall(r"```python\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.S)
        (tmp_path / f"{module}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    config = CONFIG | {"model": CONFIG["model"] | {"optimizer": OPTIMIZER, "learning_rate": 1e-3}}
    trainer = {k: v for k, v in CONFIG["trainer"].items() if k != "callbacks"} | {
        "logger": {"class_path": "journal.Journal"}
    }
    Path("c.yaml").write_text(yaml.safe_dump(config | {"trainer": trainer}))


def journal() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("journal.jsonl").read_text().splitlines()]


def script(
    callbacks: list[pl.Callback], logger: Any
) -> tuple[pl.Trainer, mk.DuelingDoubleDQN, mk.ExperienceDataModule]:
    import lion

    pl.seed_everything(3)
    options = CONFIG["data"] | {
        "seed": 3,
        "epsilon": mk.Linear(1.0, 0.1, 300),
        "env": mk.EnvConfig(**CONFIG["data"]["env"]),
        "replay": mk.ReplaySettings(**CONFIG["data"]["replay"]),
        "evaluation": mk.EvaluationSettings(**CONFIG["data"]["evaluation"]),
    }
    data = mk.ExperienceDataModule(**options)
    model = mk.DuelingDoubleDQN(
        network=narrow(16), target_every=9, learning_rate=1e-3, optimizer=partial(lion.Lion, beta=0.8)
    )
    trainer = pl.Trainer(
        max_epochs=data.max_epochs, accelerator="cpu", gradient_clip_val=10.0, logger=logger, callbacks=callbacks,
        num_sanity_val_steps=0, enable_progress_bar=False, enable_checkpointing=False, default_root_dir="script",
    )  # fmt: skip
    return trainer, model, data


def test_a_config_s_and_a_script_s_and_a_resumed_one_are_the_same_run(capsys: pytest.CaptureFixture[str]) -> None:
    import journal as own

    main(["fit", "-c", "c.yaml", "--run_dir", "run"])
    begun, outcome = journal()
    assert begun == {"run": "run", "command": "fit", "resumed": False}
    assert outcome.keys() == {"run", "before", "after", "verdict"}
    last = read_checkpoint("run/checkpoints/last.ckpt")
    assert set(last["optimizer_states"][0]["state"][0]) == {"momentum"}

    main(["test", "-c", "c.yaml", "--run_dir", "run", "--ckpt_path", "best"])
    begun, played, tested = journal()[2:]
    assert (begun["command"], played["checkpoint"]) == ("test", "run/checkpoints/best.ckpt")
    assert (tested["run"], tested["epsilon"]) == ("run-test", 0.2)

    trainer, model, data = script([mk.BeforeAfter()], own.Journal())
    trainer.fit(model, data)
    assert all(torch.equal(last["state_dict"][name], tensor) for name, tensor in model.state_dict().items())
    assert journal()[5:] == [
        outcome | {"run": None, "after": journal()[5]["after"], "verdict": journal()[5]["verdict"]}
    ]

    with pytest.raises(SystemExit):
        main(["fit", "-c", "c.yaml", "--run_dir", "other", "--trainer.logger.init_args.file=x.txt"])
    assert "Journal: file must end in .jsonl, got x.txt" in capsys.readouterr().err
    assert not Path("other").exists()

    main(["fit", "-c", "c.yaml", "--run_dir", "parts", "--data.max_env_steps=160"])
    main(["fit", "-c", "c.yaml", "--run_dir", "parts", "--ckpt_path", "last"])
    parts = read_checkpoint("parts/checkpoints/last.ckpt")
    assert all(torch.equal(tensor, parts["state_dict"][name]) for name, tensor in last["state_dict"].items())
    assert [line["resumed"] for line in journal()[6:] if "resumed" in line] == [False, True]
