"""Games, ROMs and save states that cannot be used; they may have been downloaded, so nothing of them leads elsewhere."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.mistakes import DOJO, Mistake, copy_of_the_dojo, fit, refuse

STATE = "VeryEasy.Ember-04"
PLAY = [
    "--data.game=game/game.yaml",
    f"--data.original_states=[{STATE}]",
    "--data.challenging_states=[VeryEasy.Heron-06]",
    f"--data.train_states=[{STATE}]",
]


def described(old: str, new: str, hint: str) -> Mistake:
    """A game whose game.yaml says something else."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return fit(hint, *PLAY, files=lambda folder: copy_of_the_dojo(folder, change))


def whole(content: str | bytes, hint: str) -> Mistake:
    """A game.yaml with this content."""
    raw = content.encode() if isinstance(content, str) else content
    return fit(hint, *PLAY, files=lambda folder: (copy_of_the_dojo(folder) / "game.yaml").write_bytes(raw))


def holding(name: str, content: bytes | object, hint: str) -> Mistake:
    """A game one of whose files holds something else: these bytes, or this as JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return fit(hint, *PLAY, files=lambda folder: (copy_of_the_dojo(folder) / name).write_bytes(raw))


def without(name: str, hint: str) -> Mistake:
    """A game one of whose files is missing."""
    return fit(hint, *PLAY, files=lambda folder: (copy_of_the_dojo(folder) / name).unlink())


def linked(name: str, target: Callable[[Path], Path], hint: str) -> Mistake:
    """A game one of whose files is a link."""

    def files(folder: Path) -> None:
        file = copy_of_the_dojo(folder) / name
        file.unlink()
        file.symlink_to(target(folder))

    return fit(hint, *PLAY, files=files)


def variable(**entry: object) -> dict[str, object]:
    """data.json with another entry for the health."""
    content = json.loads((DOJO / "data.json").read_text())
    return {"info": content["info"] | {"health": entry}}


PACKED = gzip.compress(gzip.decompress((DOJO / f"{STATE}.state").read_bytes()))
FLIPPED = PACKED[:5000] + bytes([PACKED[5000] ^ 255]) + PACKED[5001:]
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)

MISTAKES = {
    # -- game.yaml
    "no such file": fit("no such game file", "--data.game", "nowhere/game.yaml"),
    "directory": fit(
        "is a directory, not a game file", "--data.game", "g.yaml", files=lambda f: (f / "g.yaml").mkdir()
    ),
    "empty": whole("", "expected a mapping of keys"),
    "list": whole("- id\n", "expected a mapping of keys"),
    "binary": whole(bytes(range(256)), "not text in UTF-8"),
    "a billion laughs": whole(LAUGHS, "aliases stand for more than"),
    "code": whole("id: !!python/object/apply:os.system ['touch ran']\n", "could not determine a constructor"),
    "key twice": described("title: Dojo", "title: Dojo\ntitle: Dojo", "stands there twice"),
    "unknown key": described("full_health", "full_helth", "did you mean 'full_health'?"),
    "number for a title": described("title: Dojo", "title: 3", "title must be text, not 3"),
    "id with a path": described("id: Dojo-Genesis-v0", "id: ../../x", "id must be letters, digits"),
    "truth value for health": described("full_health: 120", "full_health: true", "full_health must be an integer"),
    "endless health": described("full_health: 120", "full_health: .inf", "full_health must be an integer"),
    "sha1": described("title: Dojo", "title: Dojo\nrom_sha1: abc", "rom_sha1 must be 40 hexadecimal digits"),
    "opponents": described("title: Dojo", "title: Dojo\nopponents: [1]", "opponents must be a mapping from states"),
    "misspelt action": described("R+D+A", "R+W+A", "R+W+A"),
    # -- where its files are
    "folder above": described("integration: .", "integration: ../../..", "leads out of"),
    "absolute folder": described("integration: .", f"integration: {DOJO}", "leads out of"),
    "folder behind a link": fit(
        "leads out of",
        *PLAY,
        files=lambda f: (
            copy_of_the_dojo(f, lambda t: t.replace("integration: .", "integration: in")) / "in"
        ).symlink_to(DOJO),
    ),
    "no such folder": described("integration: .", "integration: files", "no such file of a game"),
    "bundled id with a path": described("integration: .", "integration: null", "stable-retro has no game"),
    "state behind a link": linked(f"{STATE}.state", lambda _: DOJO / f"{STATE}.state", "is a link that leads out of"),
    "ROM behind a link": linked("rom.md", lambda _: Path("/dev/zero"), "is a link that leads out of"),
    "variables behind a link": linked("data.json", lambda _: DOJO / "data.json", "is a link that leads out of"),
    # -- ROM
    "another ROM": holding("rom.md", b"x" * 1000, "is another ROM (sha1 "),
    "empty ROM": holding("rom.md", b"", "it has 0 bytes"),
    "huge ROM": holding("rom.md", bytes(33 * 2**20), "is no ROM: it has 34,603,008 bytes"),
    "no ROM": without("rom.md", "no ROM at"),
    "no sha1": holding("rom.sha", b"none", "holds no sha1"),
    # -- data.json and scenario.json
    "no variables": without("data.json", "no such file of a game"),
    "variables in a list": holding("data.json", [1], "must hold an object"),
    "no info": holding("data.json", {}, "no object 'info'"),
    "info in a list": holding("data.json", {"info": []}, "no object 'info'"),
    "half of the variables": holding("data.json", b'{"info": {', "it is not JSON"),
    "deep variables": holding("data.json", b"[" * 100_000, "it is not JSON"),
    "address": holding("data.json", variable(address="x", type="|u1"), "the address of 'health' must be"),
    "address of 40 bits": holding("data.json", variable(address=2**40, type="|u1"), "the address of 'health' must be"),
    "type": holding("data.json", variable(address=1, type="u99"), "the type of 'health' must be"),
    "no health": holding("data.json", {"info": {}}, "has no variable 'health'"),
    "no scenario": without("scenario.json", "no such file of a game"),
    "scenario that runs code": holding("scenario.json", {"scripts": ["evil.lua"]}, "names Lua scripts"),
    # -- states
    "state that is no gzip": holding(f"{STATE}.state", b"GENPLUS-GX 1.7.5", "is no save state: Not a gzipped file"),
    "empty state": holding(f"{STATE}.state", b"", "is no save state"),
    "half a state": holding(f"{STATE}.state", PACKED[: len(PACKED) // 2], "is no save state"),
    "flipped state": holding(f"{STATE}.state", FLIPPED, "is no save state"),
    "other content": holding(f"{STATE}.state", gzip.compress(b"hello"), "does not begin with GENPLUS-GX"),
    "a bomb of a state": holding(
        f"{STATE}.state", gzip.compress(bytes(64 * 2**20)), "unpacks to more than 33,554,432 bytes"
    ),
    "noise as a state": holding(f"{STATE}.state", random.Random(1).randbytes(1000), "is no save state"),
    "markup in a state's name": holding("[red].state", b"", "is no name of a state"),
    "state above": fit("no state '../game/", *PLAY, f"--data.train_states=[../game/{STATE}]", files=copy_of_the_dojo),
    "absolute state": fit("no state '/etc/passwd'", *PLAY, "--data.train_states=[/etc/passwd]", files=copy_of_the_dojo),
    "state that was taken out": fit(
        "no state 'VeryEasy.Kestrel-05'", *PLAY, "--data.train_states=[VeryEasy.Kestrel-05]", files=copy_of_the_dojo
    ),
    # -- the command for states
    "states of no game": Mistake(["states", "doojo"], "did you mean 'dojo'?"),
    "states of two games": Mistake(["states", "dojo", "mk2"], "unrecognized arguments: mk2"),
    "states of a broken game": Mistake(
        ["states", "g.yaml"], "expected a mapping", lambda folder: (folder / "g.yaml").write_text("[]")
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_refused_in_one_line(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MISTAKES[name].hint in refuse(MISTAKES[name], tmp_path, capfd, monkeypatch)
