"""What a person would see while a board is flashed."""


class Told:
    """`say` and `progress` for what takes them; `lines` and `steps` hold what came."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def progress(self, what: str, done: int, of: int) -> None:
        self.steps.append((what, done, of))
