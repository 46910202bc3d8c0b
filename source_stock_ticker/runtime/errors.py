"""The failures a connector can have, told apart by who must act.

ConnectorError
├── ConfigError            the user, by changing the config       failure_type config_error
│   ├── CredentialsError       the same, and no stream can be read
│   └── Unavailable            the same, and one slice cannot be read
│       └── SkipSlice              nobody: the slice is left out with a warning
├── TransientError         nobody: the same again may work later  failure_type transient_error
└── UnexpectedResponse     us: the API said what we do not know   failure_type system_error

Any other exception is a bug of ours and ends as a system_error too. `IncompleteSync` is no
failure of its own: each stream has told its failure by then, and only the exit code is left.
(failure_type: Airbyte protocol, AirbyteErrorTraceMessage.)
"""


class ConnectorError(Exception):
    """A failure that has a sentence for the user.

    message: what happened and what to do, without a stack, a key or a Python name.
    detail: what a developer wants to see beside it; goes to internal_message.
    """

    failure_type = "system_error"

    def __init__(self, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail


class ConfigError(ConnectorError):
    """The user must change something: the config, the catalog, the state file, the plan."""

    failure_type = "config_error"


class CredentialsError(ConfigError):
    """The key is not accepted, or the proxy or the certificates of this machine keep us from the API.

    This holds for every stream, so none is tried after the first.
    """


class Unavailable(ConfigError):
    """What one slice is about is forbidden or gone (HTTP 403, 404, 409, 410); the others are read.

    If the config names it, the user must know: the slice has failed. If the API listed it (`Stream.listed`), a single
    deleted one must not fail each sync: it is left out with a warning, its state untouched.
    """


class SkipSlice(Unavailable):
    """There is nothing to read in this slice, whoever named it: it is left out with a warning."""


class TransientError(ConnectorError):
    """The network or the API failed, retries included; trying again later may help."""

    failure_type = "transient_error"


class UnexpectedResponse(ConnectorError):
    """The API sent something that its documentation does not describe."""


class IncompleteSync(Exception):
    """Some stream did not complete; its INCOMPLETE status and its error have been written."""


def start_of(text: str, length: int = 200) -> str:
    """The beginning of a string, for a detail.

    Cut between words: the secret filter recognizes a secret only when it sees all of it.
    """
    return text if len(text) <= length else " ".join(text[:length].split(" ")[:-1]) + "..."


def counted(number: int, what: str) -> str:
    """1 row, 1,234 rows."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def without_stack(error: Exception) -> Exception:
    """The same error; one of ours without its stack, which nobody is shown and which keeps the response in memory."""
    if isinstance(error, ConnectorError):
        error.__traceback__ = error.__cause__ = error.__context__ = None
    return error
