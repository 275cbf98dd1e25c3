"""The objective `budget`: spending follows a plan over its period, and stops at its end.

`calendar` and `plan` say how much should be spent by when, `pacing` finds the cutoff between weak
and strong for that, `lease` has one gateway's lease of the budget, `budgets` joins them. Must not
know stores but by their port.
"""
