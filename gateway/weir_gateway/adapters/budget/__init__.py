"""Where gateways keep what budgets have spent: in memory, in a file of one machine, in a Redis.

`keeper` tells and asks a few times a second; the stores fill routing's Treasury.
"""
