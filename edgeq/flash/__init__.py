"""Writes firmware into boards: images in the formats that tools and boot loaders take, and the tools' commands.

The board file says by which route (docs/boards.md); each route is a row of `routes.py`.
"""

from edgeq.flash.images import Chunk, load_chunks
from edgeq.flash.routes import ROUTES, Route
from edgeq.flash.write import Flashed, flash

__all__ = ["ROUTES", "Chunk", "Flashed", "Route", "flash", "load_chunks"]
