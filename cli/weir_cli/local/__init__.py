"""Scorer and gateway on one machine, with no cluster: what `weir up` and `weir demo` run.

The programs are started as the images start them, by module and environment, and kept alive.
Must not know how they work inside: they meet only over files, sockets and probes.
"""
