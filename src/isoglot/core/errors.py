"""The error of a user, told from a bug of ours by its type."""


class InputError(ValueError):
    """Bad input: the user can mend it.

    The message says what was expected, what came, and the mend. The command line prints it as one
    line and exits with code 2; every other exception but OSError keeps its traceback.
    """
