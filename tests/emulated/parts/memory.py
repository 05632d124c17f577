"""The heap, in the place of the driver `memory`: what is free after a collection, while the agent streams."""

import gc


class Driver:
    """Bytes that are free."""

    CHANNELS = (("free", "B", 0),)
    OPTIONS = ()
    MIN_EVERY_MS = 100

    def __init__(self, options: dict[str, str]) -> None:
        pass

    def start(self) -> int:
        return 0

    def read(self, values: list[int]) -> None:
        gc.collect()
        values[0] = gc.mem_free()  # type: ignore[attr-defined]  # MicroPython's
