"""Exports: what of a run leaves for a spreadsheet or a printer."""
