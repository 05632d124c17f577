"""The configuration as it is given: config.json and secrets.json as files, or on standard input, where one document may hold both."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from host_tools.config import SECRETS, ConfigError, Json, parsed, read, read_secrets

STDIN = "-"
_STDIN_NAME = "standard input"
_BOTH = {"config", "secrets"}


@dataclass(frozen=True)
class Documents:
    """`config` is None when only secrets were given. `ca` of the secrets is an absolute path."""

    config: Json | None
    secrets: Json = field(repr=False)


def read_documents(config: str | None, secrets: str | None) -> Documents:
    """From two paths, each "-" for standard input; secrets.json is looked for beside config.json. Raises ConfigError.

    A document {"config": {..}, "secrets": {..}} stands for both files.
    """
    if config == secrets == STDIN:
        secrets = None  # the one document that comes there
    content = None if config is None else _stdin() if config == STDIN else read(Path(config))
    if content is not None and set(content) == _BOTH:
        return _divided(content, _STDIN_NAME if config == STDIN else str(config), secrets)
    if secrets is not None:
        return Documents(content, _secrets(secrets))
    if config is None or config == STDIN or not (beside := Path(config).with_name(SECRETS)).exists():
        return Documents(content, {})
    return Documents(content, read_secrets(beside))


def _divided(content: Json, source: str, secrets: str | None) -> Documents:
    if secrets is not None:
        raise ConfigError(f"{source}: holds the secrets already: leave --secrets away")
    for part in _BOTH:
        if not isinstance(content[part], dict):
            raise ConfigError(f"{source}: {part}: must be an object in {{}}")
    return Documents(content["config"], _absolute(content["secrets"]))


def _secrets(path: str) -> Json:
    return _absolute(_stdin()) if path == STDIN else read_secrets(Path(path))


def _absolute(secrets: Json) -> Json:
    """What came without a folder means the folder that one is in."""
    ca = secrets.get("ca")
    return {**secrets, "ca": str(Path(ca).absolute())} if isinstance(ca, str) else secrets


def _stdin() -> Json:
    return parsed(sys.stdin.buffer.read(), _STDIN_NAME)
