"""Live monitoring: events become scores, and scores become alerts, while they happen.

Nothing here is decided by a broker: where a stream was read up to, what is known of each customer
and which alerts are open is one transaction of PostgreSQL.
"""
