"""Why a bundle could not be built. Knows nothing else."""


class BuildError(Exception):
    """The message says what failed and what to do."""
