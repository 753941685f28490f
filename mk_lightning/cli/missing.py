"""A run's ROM and checkpoint: where both are missing, both are named at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from mk_lightning.games.catalog import load_game
from mk_lightning.games.names import MissingRomError
from mk_lightning.networks.checkpoint import MissingCheckpointError, find_checkpoint


@contextlib.contextmanager
def naming_both(game: str, checkpoint: str | None) -> Iterator[None]:
    """Where the ROM or the checkpoint turns out to be missing, say of the other, too, if it is.

    Args:
        game: as `load_game` takes it.
        checkpoint: that the network is to start from, if any.

    Raises:
        MissingRomError: the ROM is missing.
        MissingCheckpointError: the checkpoint is, or both are.
    """
    try:
        yield
    except MissingRomError as rom:
        if checkpoint is not None:
            try:
                find_checkpoint(checkpoint)
            except MissingCheckpointError as error:
                raise _both(error, rom) from None
        raise
    except MissingCheckpointError as error:
        try:
            load_game(game).rom_path()
        except MissingRomError as rom:
            raise _both(error, rom) from None
        raise


def _both(checkpoint: MissingCheckpointError, rom: MissingRomError) -> MissingCheckpointError:
    return MissingCheckpointError(f"{checkpoint}; and {rom}")
