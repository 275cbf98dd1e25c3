"""Routers from labels: a bundle in, labels of one's own traffic in, a bundle out that knows them.

What comes out is served by the scorer as it is. It must not know the command line.
"""

from weir_lab.training.adapt import Adapted, adapt
from weir_lab.training.columns import Columns, read_columns
from weir_lab.training.joining import Joined, fit_joining, qualities_of, write_joined
from weir_lab.training.profiles import Profile, fit_profile
from weir_lab.training.write import write_adapted, write_profile

__all__ = [
    "Adapted",
    "Columns",
    "Joined",
    "Profile",
    "adapt",
    "fit_joining",
    "fit_profile",
    "qualities_of",
    "read_columns",
    "write_adapted",
    "write_joined",
    "write_profile",
]
