"""Ingest: from sources as they came to typed, validated transactions, or a snapshot, in the
warehouse.
"""
