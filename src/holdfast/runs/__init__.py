"""Runs: from a study to an immutable published folder."""
