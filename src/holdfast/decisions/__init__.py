"""Decisions: from a published run to plans, experiments and the lists of whom to contact."""
