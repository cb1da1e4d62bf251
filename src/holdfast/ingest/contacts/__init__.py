"""Contacts: who may be written to, under which address, and who already was."""
