"""Monitor: whether a published run still holds, from frames alone: drift of its features, what
performance is to be expected before labels mature, what it was when they did, and which of two runs
predicts worse.
"""
