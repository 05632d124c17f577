"""What a client is told when its request is refused, and what the operator is told when the endpoint cannot run."""

from http import HTTPStatus

# Plotly's streaming API answers with two statuses that are in no RFC.
_NONSTANDARD_REASONS = {
    449: "Retry With",
    520: "Request Stream Error",
}


def reason_phrase(status: int) -> str:
    """The words after the number in a status line."""
    return _NONSTANDARD_REASONS.get(status) or HTTPStatus(status).phrase


class Refusal(Exception):
    """An answer other than 200: an HTTP status and one clear line for a person, without secrets."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return f"{self.status} {reason_phrase(self.status)}: {self.message}"


class EndpointError(Exception):
    """The endpoint cannot start or go on. The message names the thing and the remedy, in one line."""
