"""A network as a graph of operations, which runs without this package: ONNX and TorchScript."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import warnings
from collections.abc import Iterator

import torch

from mk_lightning.interop.agent import OBSERVATIONS, Q_VALUES, Agent
from mk_lightning.utils.errors import UserError, shortened
from mk_lightning.utils.optional import import_optional

CONFIG = "config.json"
"""Name under which either format keeps what there is to know of the network."""


def onnx_bytes(agent: Agent) -> bytes:
    """Return an ONNX model: `observations` (batch, 4, 84, 84) uint8 in, `q_values` (batch, actions) float32 out.

    Raises:
        UserError: onnx or onnxscript is not installed, or the network does what ONNX has no operations for.
    """
    for module in ("onnx", "onnxscript"):
        import_optional(module, "export to onnx")
    try:
        with _quiet():
            program = torch.onnx.export(
                agent.network,
                (agent.example,),
                input_names=[OBSERVATIONS],
                output_names=[Q_VALUES],
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # of a network of one's own, whatever it leads to
        raise UserError(
            f"{type(agent.network).__name__} cannot be exported to onnx: {shortened(error.__cause__ or error, 160)}"
        ) from error
    assert program is not None
    model = program.model_proto
    for part in (*model.graph.node, *model.graph.value_info, model.graph):
        del part.metadata_props[:]  # paths and source lines of this machine
    model.metadata_props.add(key=CONFIG, value=json.dumps(agent.config))
    raw: bytes = model.SerializeToString()
    return raw


def torchscript_bytes(agent: Agent) -> bytes:
    """Return a TorchScript module for `torch.jit.load`, from observations to Q-values as ONNX's.

    Raises:
        UserError: the network cannot be traced.
    """
    file = io.BytesIO()
    try:
        with _quiet(), torch.no_grad():
            traced = torch.jit.trace(agent.network, agent.example)  # type: ignore[no-untyped-call]
            torch.jit.save(traced, file, _extra_files={CONFIG: json.dumps(agent.config)})
    except Exception as error:  # of a network of one's own, whatever it leads to
        raise UserError(
            f"{type(agent.network).__name__} cannot be exported to torchscript: {shortened(error, 160)}"
        ) from error
    return file.getvalue()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what torch says to its developers from users: what it may do without, and which of its ways is older."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logger.setLevel(level)
