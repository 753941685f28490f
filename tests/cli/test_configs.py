"""Every shipped config is parsed, and says what its values mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mk_lightning.cli import main

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
WHOLE = [path for path in CONFIGS if path.stem in {"pretrain", "finetune"}]
OVERLAYS = [path for path in CONFIGS if path not in WHOLE]


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--print_config"])
    assert not stop.value.code
    config = yaml.safe_load(capsys.readouterr().out)
    assert isinstance(config, dict)
    return config


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_config_is_parsed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = yaml.safe_load(path.read_text())
    config = printed(["fit", "-c", str(path)], capsys)
    assert config["run_dir"] == given["run_dir"]
    assert config["data"]["replay"]["capacity"] == given["data"]["replay"]["capacity"]  # type: ignore[index]


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_overlay_adds_to_a_config(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = printed(["fit", "-c", str(path.with_name("finetune.yaml"))], capsys)
    both = printed(["fit", "-c", str(path.with_name("finetune.yaml")), "-c", str(path)], capsys)
    assert both != base
    assert both["data"] == base["data"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_value_has_a_comment(path: Path) -> None:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        key, _, value = line.partition(":")
        opens_a_block = not value.split("#")[0].strip() and not line.lstrip().startswith("-")
        if line.lstrip().startswith(("#", "-")) or opens_a_block or key.strip() in {"class_path", "seed_everything"}:
            continue
        assert "#" in value, f"{path.name}:{number}: {line.strip()}"


def test_the_shipped_configs_are_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert printed(["fit", "-c", "configs/dojo/finetune.yaml"], capsys)["run_dir"] == "runs/dojo-finetune"
