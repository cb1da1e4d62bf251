"""Input and output of what is foreign: files, databases, downloads and webhooks, and the warehouse
that they are read into.
"""
