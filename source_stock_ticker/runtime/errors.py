"""Defines the failures a connector can have, by who must act.

ConnectorError
├── ConfigError            the user changes the config            failure_type config_error
│   └── CredentialsError       the same; no stream can be read
├── Unavailable            the user; only one slice is not read   failure_type config_error
│   └── SkipSlice              nobody: the slice is skipped with a warning
├── TransientError         nobody: a later sync may work          failure_type transient_error
└── UnexpectedResponse     us: the API sent something unknown     failure_type system_error

Any other exception is a bug in the connector and becomes a system_error too. `IncompleteSync` reports no failure: each
stream has reported its own by then, so it only sets the exit code. (failure_type: protocol, AirbyteErrorTraceMessage.)
"""


class ConnectorError(Exception):
    """A failure with a sentence for the user.

    message: what happened and what to do, without a stack trace, a key or a Python name.
    detail: more for developers; becomes the internal_message.
    """

    failure_type = "system_error"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message, self.detail = message, detail


class ConfigError(ConnectorError):
    """The user must change something: the config, the catalog, the state file or the plan."""

    failure_type = "config_error"


class CredentialsError(ConfigError):
    """The API rejects the key, or this machine's proxy or certificates block access to the API.

    This affects every stream, so no further stream is tried.
    """


class Unavailable(ConnectorError):
    """The subject of one slice is forbidden or gone (HTTP 403, 404, 409, 410); the other slices are read.

    If the config names the subject, the user must know: the slice fails. If the API listed it (`Stream.listed`), one
    deleted item must not fail every sync: the slice is skipped with a warning and keeps its state.
    """

    failure_type = "config_error"


class SkipSlice(Unavailable):
    """This slice has nothing to read, whether the config or the API named it: it is skipped with a warning."""


class TransientError(ConnectorError):
    """The network or the API failed, even after retries; a later sync may work."""

    failure_type = "transient_error"


class UnexpectedResponse(ConnectorError):
    """The API sent something its documentation does not describe."""


class IncompleteSync(Exception):
    """At least one stream did not complete; its INCOMPLETE status and its error have been written."""


def start_of(text: str, length: int = 200) -> str:
    """The start of a string, cut between words: the secret filter recognizes only whole secrets."""
    return text if len(text) <= length else " ".join(text[:length].split(" ")[:-1]) + "..."


def counted(number: int, what: str) -> str:
    """1 row, 1,234 rows."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def without_stack(error: Exception) -> Exception:
    """The same error; a ConnectorError loses its stack trace, which nobody sees and which keeps memory in use."""
    if isinstance(error, ConnectorError):
        error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
