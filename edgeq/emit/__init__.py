"""Integer graph and plan -> C, manifest and build files. C is write-only: nothing reads it back."""

from edgeq.emit.folder import render_files, staged_folder, write_folder
from edgeq.emit.names import check_name, default_name

__all__ = ["check_name", "default_name", "render_files", "staged_folder", "write_folder"]
