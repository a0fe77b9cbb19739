"""What one match costs in things that can be counted, whatever the machine: a slow-down fails without timing anything.

``python -m tests.guard`` prints the present figures as the table to paste into ``budgets.toml``.
"""
