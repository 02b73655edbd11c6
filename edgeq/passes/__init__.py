"""Passes: one per file, graph -> graph; `pipeline.py` orders them and checks the graph after each."""
