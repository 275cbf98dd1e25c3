"""What an answer took: one reader and one writer per API family, for the bill and translations.

Both read the same numbers, so a translated answer tells its client what the provider bills.
"""
