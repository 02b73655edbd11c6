"""Integer graph and plan -> C, manifest and build files. C is write-only: nothing reads it back."""

from edgeq.emit.folder import emit_folder
from edgeq.emit.names import check_name

__all__ = ["check_name", "emit_folder"]
