"""The routers' training: labels in, the arrays of a head file out, one file a router.

What comes out is served by the scorer as it is. Pure: must not know files, bundles or commands.
"""
