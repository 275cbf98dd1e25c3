"""A decision explained with nothing sent: the gateway's own routing over an in-process bundle.

Must not know how policies are compiled or where a bundle comes from.
"""
