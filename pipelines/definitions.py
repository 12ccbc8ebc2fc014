"""The code location that workspace.yaml names."""

from pipelines.build import build_definitions

defs = build_definitions()
