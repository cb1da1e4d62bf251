"""Engine: the rows of a log divided into buckets of customers, which are worked on one by one, on
this machine or on Spark.
"""
