"""What can go wrong with an emulated board."""


class Missing(Exception):
    """Something that the emulated boards need is not here: one line that names it and the remedy."""


class BoardError(Exception):
    """The board, or the program on it, did not do what it was told; the text says what came instead."""
