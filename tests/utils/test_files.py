from __future__ import annotations

from pathlib import Path

import pytest

from mk_lightning.utils import files
from mk_lightning.utils.files import find_file, has_trained, replacing, write_text


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Where the user stands, and what ships."""
    here, shipped = tmp_path / "here", tmp_path / "shipped"
    (here / "configs").mkdir(parents=True)
    (shipped / "configs" / "dojo").mkdir(parents=True)
    (shipped / "configs" / "dojo" / "a.yaml").touch()
    monkeypatch.chdir(here)
    monkeypatch.setattr(files, "SHIPPED", shipped)
    return here, shipped


def test_the_users_own_file_comes_first(places):
    here, _ = places
    (here / "configs" / "dojo").mkdir()
    (here / "configs" / "dojo" / "a.yaml").touch()
    assert find_file("configs/dojo/a.yaml") == Path("configs/dojo/a.yaml")


def test_a_shipped_file_is_found_from_anywhere(places):
    assert find_file("configs/dojo/a.yaml") == places[1] / "configs/dojo/a.yaml"
    assert find_file(Path("configs/dojo/a.yaml")).is_file()


@pytest.mark.parametrize("name", ["configs/dojo/b.yaml", "configs/dojo", "/configs/dojo/a.yaml"])
def test_anything_else_stays_as_it_is(places, name):
    assert find_file(name) == Path(name)


def test_the_shipped_configs_are_there():
    """Not patched: the package as it is."""
    assert (files.SHIPPED / "configs" / "dojo" / "pretrain.yaml").is_file()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    write_text(path, "before")

    def stop_in_the_middle():
        with replacing(path) as file:
            file.write(b"half of what was to co")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError):
        stop_in_the_middle()
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    with replacing(path) as file:
        file.write(b"after")
        assert path.read_text() == "before", "until it is whole, the old one is there"
    assert path.read_text() == "after"


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "gone" / "file", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("step,loss\n0,\n1,0.5\n", True),
        ("step,loss\n0,\n0,\n", False),
        ("step,loss\n,0.5\n", False),
        ("loss\n0.5\n", False),
        ("step,loss\n", False),
        ("", False),
        (None, False),
    ],
)
def test_a_table_of_a_fit_that_has_trained(tmp_path, text, expected):
    """Rows of step 0 are of before, and a table without steps is no fit's; so is one that is missing."""
    if text is not None:
        (tmp_path / "metrics.csv").write_text(text)
    assert has_trained(tmp_path / "metrics.csv", "step") is expected
