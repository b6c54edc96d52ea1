"""The one error that a user of attngan meets."""


class AttnGANError(Exception):
    """A mistake that the user can mend.

    The message is one line that names the option or file, the value found there and the remedy.
    Command lines print it and exit with code 2; as a library it is raised as it is.
    """
