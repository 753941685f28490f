"""Every shipped config is parsed, and says what its values mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from mk_lightning.cli.main import main

ROOT = Path(__file__).parents[2]
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.yaml") if path.parent.name != "sweeps")
WHOLE = [path for path in CONFIGS if path.stem in {"pretrain", "finetune"}]
OVERLAYS = [path for path in CONFIGS if path not in WHOLE]
BASES: dict[str, dict[str, Any]] = {}
"""What is printed of a whole config that overlays are laid over, by its path."""


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--print_config"])
    assert not stop.value.code
    config = yaml.safe_load(capsys.readouterr().out)
    assert isinstance(config, dict)
    return config


def without(config: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """A config but for what an overlay says, down to the keys of `model`, `data` and `trainer`."""
    rest: dict[str, Any] = {}
    for key, value in config.items():
        if key not in overlay:
            rest[key] = value
        elif key in {"model", "data", "trainer"}:
            named = {name.rstrip("+") for name in overlay[key]}
            rest[key] = {name: inner for name, inner in value.items() if name not in named}
    return rest


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_config_is_parsed(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = yaml.safe_load(path.read_text())
    config = printed(["fit", "-c", str(path)], capsys)
    assert config["run_dir"] == given["run_dir"]
    assert config["data"]["replay"]["capacity"] == given["data"]["replay"]["capacity"]  # type: ignore[index]


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_overlay_sets_what_it_names_and_nothing_else(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overlay = yaml.safe_load(path.read_text())
    whole = str(ROOT / "configs" / ("dojo" if path.parent.name == "logger" else path.parent.name) / "finetune.yaml")
    if whole not in BASES:
        BASES[whole] = printed(["fit", "-c", whole], capsys)
    base = BASES[whole]
    both = printed(["fit", "-c", whole, "-c", str(path)], capsys)
    assert without(both, overlay) == without(base, overlay)
    if added := overlay.get("trainer", {}).pop("callbacks+", None):
        overlay["trainer"]["callbacks"] = added  # finetune.yaml has none
    assert_holds(both, overlay)


def assert_holds(config: object, given: object) -> None:
    """Everything given is in a config, where defaults stand beside it."""
    if isinstance(given, dict):
        assert isinstance(config, dict)
        for key in given:
            assert_holds(config[key], given[key])
    elif isinstance(given, list):
        assert isinstance(config, list)
        for one, other in zip(config, given, strict=True):
            assert_holds(one, other)
    else:
        assert config == given


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
