"""The error of the house."""


class UserError(ValueError):
    """Something the user gave cannot be used.

    The message is one line: what, the value seen, and what would do instead. The command line prints it alone;
    any other exception is a fault of the program and keeps its traceback.
    """
