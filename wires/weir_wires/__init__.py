"""What is said on which wire, and one file per pair of wires that are translated. Pure.

Must not know sockets, tables or why a backend was chosen.
"""
