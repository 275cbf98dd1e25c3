"""Answers of every provider's wire as every client's wire must see them: a table of cases.

`said.py` describes an answer without a wire. A wire's file has its provider's form, which writes
such an answer, and its client's form, which asks by the official SDK and reads the answer back.
`pairs.py` lists them: a new wire adds its file and one line there.
"""
