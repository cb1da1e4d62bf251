"""Serving: a published run answers about one customer, by name, by features or by raw orders."""
