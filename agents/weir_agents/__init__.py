"""How an agent's conversation stands: counts and flags, read from calls and their results.

Pure, standard library only: gateway, command line and lab read the same facts from the same turns.
"""
