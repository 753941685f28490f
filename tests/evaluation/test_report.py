from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from mk_lightning.evaluation.clips import Clip
from mk_lightning.evaluation.compare import Comparison
from mk_lightning.evaluation.evaluation import Evaluation
from mk_lightning.evaluation.report import write_report
from mk_lightning.evaluation.report.metrics import read_series
from mk_lightning.games.catalog import load_game
from mk_lightning.playback.video import write_film
from mk_lightning.utils.machine import machine
from tests.evaluation.records import record

GAME = load_game("dojo")
A, B = "VeryEasy.Bramble-01", "Hard.Heron-06"
VALIDATED = ",".join(f"val/win_rate/{name}" for name in ("original", "challenging", A, B))
METRICS = f"""step,env_steps,train/win_rate,{VALIDATED}
0,0,,1.0,0.1,1.0,0.1
99,4000,0.5,,,,
199,8000,0.6,,,,
200,8032,,0.9,0.7,0.9,0.7
"""

CONFIG = """seed_everything: 7
model: {init_from: checkpoints/dojo-base.ckpt}
data:
  game: <dojo> & more
  max_env_steps: 192000
  train_states: [challenging]
"""


def evaluation(won: int, policy: str, action: int, seed: int, more: int = 0) -> Evaluation:
    """Of 20 matches a state, the first `won` of them won, and of the original state's `more`."""
    rng = np.random.default_rng(seed)
    records = [
        record(
            [action, 0, 1], state, number, won=number < won + (more if state == A else 0),
            x_position=rng.integers(24, 296, 4).tolist(), enemy_x_position=rng.integers(24, 296, 4).tolist(),
        )
        for number in range(20)
        for state in (A, B)
    ]  # fmt: skip
    return Evaluation.of(
        records, GAME, policy=policy, epsilon=0.0, env={}, groups={"original": [A], "challenging": [B]}
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "metrics.csv").write_text(METRICS)
    (folder / "config.yaml").write_text(CONFIG)
    comparison = Comparison(evaluation(4, "base.ckpt", 5, 0), evaluation(16, "best.ckpt", 7, 1))
    write_film(folder / "clip.mp4", [np.full((224, 320, 3), 8 * k, np.uint8) for k in range(30)])
    clips = [Clip(when, (folder / "clip.mp4").read_bytes()) for when in ("before: not won", "after: won")]
    path = folder / "report.html"
    films = [(f"{state}, seed 4", clips) for state in (A, B)]
    write_report(path, comparison, films, metrics=folder / "metrics.csv", config=folder / "config.yaml")
    return path


def test_it_needs_nothing_beside_it(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"""(?:src|href)=["']?(?!data:|#)[^"'\s>]+""", text) == []
    assert "<script" not in text
    assert page.stat().st_size < 1_000_000


def test_it_says_what_happened(page: Path) -> None:
    text = page.read_text()
    assert "Challenging states 20% → 80% (better), original states 20% → 80% (better)" in text
    assert "+60 [" in text
    assert "best.ckpt beside base.ckpt" in text
    assert "game: &lt;dojo&gt; &amp; more" in text
    assert text.count("<video") == 4


def test_it_says_which_run_it_is_and_what_comes_next(page: Path) -> None:
    facts = dict(re.findall(r"<dt>(\w+)</dt><dd>(.*?)</dd>", page.read_text()))
    assert facts["run"] == str(page.parent)
    assert (facts["seed"], facts["base"], facts["length"]) == (
        "7",
        "checkpoints/dojo-base.ckpt",
        "192,000 env_steps after the warm-up",
    )
    assert facts["machine"] == machine()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d \S+", facts["date"])
    commands = [html.unescape(command) for command in re.findall(r"<pre>(mk-.*?)</pre>", page.read_text())]
    assert commands == [], "the policy is no file, and no state is lost"


def test_the_next_round_is_told_where_states_are_lost(page: Path, tmp_path: Path) -> None:
    lost = Comparison(evaluation(4, "base.ckpt", 5, 0), evaluation(11, "best.ckpt", 7, 1, more=5))
    write_report(tmp_path / "page.html", lost, [], config=page.with_name("config.yaml"))
    (command,) = re.findall(r"<pre>(mk-.*?)</pre>", (tmp_path / "page.html").read_text())
    assert html.unescape(command).endswith(f"fit -c {page.parent}/config.yaml -c {page.parent}/weak.yaml")


@pytest.mark.parametrize("text", ["[]", "seed_everything: [", "data: {class_path: x}", "data: 3"])
def test_a_script_s_config_of_another_shape_says_less(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(text)
    same = evaluation(4, "base.ckpt", 5, 0)
    write_report(tmp_path / "page.html", Comparison(same, same), [], config=tmp_path / "config.yaml")
    assert "<dt>run</dt>" in (tmp_path / "page.html").read_text()


def test_its_charts_are_in_the_page_s_colours(page: Path) -> None:
    charts = re.findall(r"<svg.*?</svg>", page.read_text(), re.S)
    assert len(charts) == 4  # win rates, a learning curve, actions, a map of positions
    for chart in charts:
        ElementTree.fromstring(chart)
        assert "#0102" not in chart
        assert "var(--" in chart
    labels = [set(re.findall(r">([^<>]+)</text>", chart)) for chart in charts]
    assert {A, B, "before", "after"} <= labels[0]
    assert {"original", "challenging", "training", "env_steps"} <= labels[1]


def test_without_a_run_there_are_no_curves(tmp_path: Path) -> None:
    same = evaluation(4, "base.ckpt", 5, 0)
    write_report(tmp_path / "page.html", Comparison(same, same), [])
    text = (tmp_path / "page.html").read_text()
    assert text.count("<svg") == 3
    assert "same within noise" in text


def test_a_validation_belongs_to_the_env_steps_before_it(page: Path) -> None:
    found = read_series(page.with_name("metrics.csv"), {"kept": "val/win_rate/original", "none": "no/such/column"})
    assert found == {"kept": [(0.0, 1.0), (8032.0, 0.9)]}


def browse(path: Path, profile: Path) -> str:
    """The document that a browser makes of a page which it has no complaint about."""
    options = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    command = ["chromium", *options.split(), "--disable-component-update", "--disable-sync", "--hide-scrollbars"]
    command += [f"--user-data-dir={profile}", "--window-size=1280,900", "--enable-logging=stderr"]
    done = subprocess.run(
        [*command, "--dump-dom", path.as_uri()], capture_output=True, text=True, timeout=120, check=True
    )
    assert "CONSOLE" not in done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_a_browser_shows_it_without_complaint(page: Path, tmp_path: Path) -> None:
    assert browse(page, tmp_path / "profile").count("<svg") == 4


MEASURE = """
const page = frame.contentDocument;
page.querySelector("details").open = true;
const fits = (element) => element.getBoundingClientRect().right <= frame.clientWidth + 1;
const inside = (text, chart) => {
  const [a, b] = [text.getBoundingClientRect(), chart.getBoundingClientRect()];
  return a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
};
const texts = [...page.querySelectorAll("svg text")].map((text) => [text, text.ownerSVGElement]);
document.body.textContent = JSON.stringify({
  too_wide: [...page.querySelectorAll("html, body, body *:not(svg *)")]
    .filter((element) => !fits(element) || element.scrollWidth > element.clientWidth + 1)
    .filter((element) => getComputedStyle(element).display != "inline")
    .map((element) => element.tagName),
  outside: texts.filter(([text, chart]) => !fits(text) || !inside(text, chart)).map(([text]) => text.textContent),
  legends: [...page.querySelectorAll("svg")].map(
    (chart) => [...chart.querySelectorAll("[id^=legend] text")].map((text) => text.textContent)),
  smallest: Math.min(...texts.map(
    ([text, chart]) => parseFloat(getComputedStyle(text).fontSize) * chart.getScreenCTM().a)),
});
"""


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_it_fits_the_screen(page: Path, width: int, tmp_path: Path) -> None:
    # In a frame, as a browser's own window is never narrower than 500 px.
    framed = f'<iframe id="frame" width="{width}" height="800" srcdoc="{html.escape(page.read_text())}"></iframe>'
    (tmp_path / "framed.html").write_text(
        f"<!doctype html><link rel=icon href=data:,>{framed}<script>frame.onload = () => {{{MEASURE}}}</script>"
    )
    shown = browse(tmp_path / "framed.html", tmp_path / "profile")
    found: dict[str, Any] = json.loads(html.unescape(re.sub(r".*<body>|</body>.*", "", shown, flags=re.S)))
    assert found["too_wide"] == []
    assert found["outside"] == []
    pair, groups = ["before", "after"], ["original", "challenging", "training"]
    assert found["legends"] == [pair, groups, pair, []], "no curves of a group's only state"
    assert found["smallest"] > 9.5  # px
