"""From bytes to a checked ModelProto: damage is found here, before anything interprets the graph."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import ModelProto

from edgeq.errors import ModelFileError, UnsupportedError
from edgeq.frontends.onnx.rows import EDGEQ_DOMAIN, supported

OLDEST_OPSET = 7
MAX_NODES = 4_000
HINT = "the file may be truncated or damaged; export it again"


@dataclass(frozen=True)
class Opsets:
    """Version of each operator set the model imports; the default domain is ''."""

    versions: dict[str, int]

    @property
    def default(self) -> int:
        return self.versions.get("", 0)

    def label(self, domain: str) -> str:
        """`opset 13` or `com.microsoft 1`, for messages."""
        version = self.versions.get(domain, "of no stated version")
        return f"{domain} {version}" if domain else f"opset {version}"


def parse_model(path: str, data: bytes) -> tuple[ModelProto, Opsets]:
    """The parsed model, local functions inlined but for those with rows. Raises ModelFileError or UnsupportedError."""
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except (DecodeError, ValueError) as error:
        raise ModelFileError(f"not a readable ONNX file ({error})", where=path, hint=HINT) from None
    if not model.HasField("graph") or not model.graph.output:
        raise ModelFileError("holds no ONNX graph with outputs", where=path, hint=HINT)
    if model.functions:
        model = _inline(model, path)
    if len(model.graph.node) > MAX_NODES:
        raise UnsupportedError(f"{len(model.graph.node)} nodes; edgeq takes up to {MAX_NODES}", where=path)
    versions: dict[str, int] = {}
    for entry in model.opset_import:
        domain = "" if entry.domain == "ai.onnx" else entry.domain
        if versions.setdefault(domain, entry.version) != entry.version:
            raise ModelFileError(f"imports two versions of operator set {domain!r}", where=path, hint=HINT)
    newest = onnx.defs.onnx_opset_version()
    uses_default = any(n.domain in ("", "ai.onnx") for n in model.graph.node)
    if uses_default and not OLDEST_OPSET <= versions.get("", 0) <= newest:
        raise UnsupportedError(
            f"opset {versions.get('', 'not stated')}; edgeq reads opsets {OLDEST_OPSET} to {newest}",
            where=path,
            hint="export with another opset_version, or convert it with onnx.version_converter",
        )
    return model, Opsets(versions)


def _inline(model: ModelProto, path: str) -> ModelProto:
    from onnx import inliner

    kept = [row for row in supported() if row[0] == EDGEQ_DOMAIN]
    try:
        return inliner.inline_selected_functions(model, kept, exclude=True)
    except Exception as error:
        raise ModelFileError(f"its local functions cannot be inlined ({error})", where=path, hint=HINT) from None
