"""Experiments: they measure what the tables of docs/ say, and what lessons only name.

Each is started in the folder of the lessons, as `python -m experiments.pairs`, prints a
table, writes into `saved/experiments`, and ends with status 1 if a claim does not hold.
"""
