"""Sequence: a recurrent network that reads a customer's days one after the other."""
