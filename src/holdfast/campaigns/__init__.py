"""Campaigns: what keeping a customer costs and brings."""
