"""The dashboard: published runs, looked at in a browser. It computes nothing; it calls verbs and
draws charts.
"""
