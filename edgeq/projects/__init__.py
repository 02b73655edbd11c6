"""Firmware projects around converted models: several models in one folder, and skeletons for build systems.

Everything here starts from folders that a conversion wrote; nothing knows the graph.
"""

from edgeq.projects.combine import combine_folders
from edgeq.projects.converted import Converted, read_converted, read_manifest
from edgeq.projects.marker import MARKER, model_folders, read_marker
from edgeq.projects.render import render_project
from edgeq.projects.rows import ProjectRow, Target, load_project, projects
from edgeq.projects.update import Update, update_project

__all__ = [
    "MARKER",
    "Converted",
    "ProjectRow",
    "Target",
    "Update",
    "combine_folders",
    "load_project",
    "model_folders",
    "projects",
    "read_converted",
    "read_manifest",
    "read_marker",
    "render_project",
    "update_project",
]
