from __future__ import annotations

import errno
import resource
import signal

import pytest
import torch

from mk_lightning.utils.tensor_files import read_tensors, write_tensors


def test_a_disk_that_is_full_is_named_as_the_reason(tmp_path):
    """torch hides why a write failed; a limit of the file's size fails as a full disk does, in the middle."""
    path = tmp_path / "a.ckpt"
    write_tensors({"x": torch.ones(3)}, path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(OSError) as error:  # noqa: PT011 - its number says which
            write_tensors({"x": torch.ones(100_000), "y": torch.ones(100_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert error.value.errno == errno.EFBIG
    assert str(path) in str(error.value)
    assert torch.equal(read_tensors(path, "file")["x"], torch.ones(3)), "what was there is gone"
