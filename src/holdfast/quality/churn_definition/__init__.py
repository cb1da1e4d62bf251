"""Churn definition: what the gaps between purchases say of when a customer has left."""
