"""The command line: each command calls one function of a room below, or reads a published run."""

from holdfast.cli.main import main

__all__ = ["main"]
