"""The exception for errors that the user can fix."""


class UserError(Exception):
    """An error that the user can fix.

    The message says what is wrong and where, what was expected, and how to fix it. Stages and commands print it without
    a traceback and exit with status 1. Any other exception is a bug and keeps its traceback.
    """
