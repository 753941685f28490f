from __future__ import annotations

import io

import pytest
from rich.console import Console

from mk_lightning.utils.tables import WholeTable

NAMES = ["VeryHard.Bramble-01", "VeryEasy.Grapnel-07"]


TOO_WIDE = ("recommended-with-a-long-name", "too few seeds to tell", "+67 [+43, +78]")


def printed(width: int) -> list[str]:
    table = WholeTable(title="win rates", caption="of 20 matches")
    for name in ("state", "group", "before", "change, points"):
        table.add_column(name)
    for name in NAMES:
        table.add_row(name, "challenging", "[bold]100%[/] [72%, 100%]", "+83 [+0, +100]")
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def test_where_there_is_room_it_is_framed_and_each_row_a_line() -> None:
    lines = printed(100)
    assert lines[1].startswith("┏")
    assert len([line for line in lines if "challenging" in line]) == 2
    assert all("100% [72%, 100%]" in line for line in lines if "challenging" in line)


@pytest.mark.parametrize("width", [54, 60, 70])
def test_where_there_is_none_cells_wrap_between_words_and_names_stay_whole(width: int) -> None:
    lines = printed(width)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    assert "…" not in text
    assert lines[-1].strip() == "of 20 matches"
    for word in (*NAMES, "challenging", "[72%,", "100%]", "[+0,", "+100]"):
        assert text.count(word) >= 1, word


@pytest.mark.parametrize("width", [24, 40])
def test_where_words_alone_are_too_wide_nothing_is_cut_either(width: int) -> None:
    table = WholeTable("arm", "verdict", "change, points")
    table.add_row(*TOO_WIDE)
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "…" not in "".join(lines)
    assert max(map(len, lines)) <= width
    letters = sorted(letter for line in lines for letter in line if letter.isalnum())
    assert letters == sorted(filter(str.isalnum, "".join([*map(str, (c.header for c in table.columns)), *TOO_WIDE])))


def test_it_is_framed_again_on_a_wider_console() -> None:
    table = WholeTable("state", "group")
    table.add_row(NAMES[0], "original")
    narrow, wide = (Console(file=io.StringIO(), width=width) for width in (30, 80))
    narrow.print(table)
    wide.print(table)
    assert "┏" not in narrow.file.getvalue()  # type: ignore[attr-defined]
    assert "┏" in wide.file.getvalue()  # type: ignore[attr-defined]
