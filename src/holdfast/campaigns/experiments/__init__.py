"""Experiments: who is drawn, how many are needed, and what a campaign did."""
