"""Scorer and gateway on one machine, without a cluster: what `weir up` and `weir demo` run.

The programs are started as their images start them, by module and environment, and restarted when
they die. They meet over files, sockets and probes alone.
"""
