"""Leakage check: one suspicion a module, each answered from the data."""
