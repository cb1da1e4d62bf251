"""Evaluation: how good a prediction proved on time that the model had not seen."""
