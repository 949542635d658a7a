"""The one exception that a user is meant to read."""


class UserError(Exception):
    """Something the user can mend: the message says what, where, what was expected and how to mend it.

    Stages and commands print the message without a traceback and exit with 1; everything else is a bug and keeps its
    traceback.
    """
