"""Alerts: rules become episodes, and episodes become messages."""
