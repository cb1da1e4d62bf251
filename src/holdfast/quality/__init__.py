"""Checks: what may come in, whether it is enough, and what leaving means in this log."""
