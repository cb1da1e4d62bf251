"""Uplift: whom an offer moves, learnt from campaigns with a control."""
