"""The command line: each command calls one verb of the pipeline, or reads a published run."""

from holdfast.cli.main import main

__all__ = ["main"]
