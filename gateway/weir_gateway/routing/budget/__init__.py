"""The objective `budget`: spending follows a plan over its period, and stops at its end.

`calendar` and `plan` say how much should be spent by when, `pacing` where the line between weak and
strong lies for that, `purse` what one gateway may still spend, `budgets` joins them.
"""
