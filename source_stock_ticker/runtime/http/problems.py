"""Explains in a sentence what went wrong between a request and its response."""

import re

from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError

# Patterns in the repr() of an exception, and what they mean; {} is the pattern's group. The first match counts. A
# repr() begins with the exception's class; anything sent by the server comes later.
# Only the user can fix these, so another attempt would fail too.
FOR_THE_USER = (
    (
        "^ProxyError.*Tunnel connection failed: 407",
        "the proxy requires a user name and a password (HTTP 407); "
        "add them to its address, HTTPS_PROXY=http://user:password@host:port",
    ),
    # 408 and 429 are temporary.
    (r"^ProxyError.*Tunnel connection failed: (4(?!08|29)\d\d)", "the proxy refuses to connect to this host (HTTP {})"),
    (
        "^ProxyError.*(?:CERTIFICATE_VERIFY_FAILED|appears to only use HTTP)",
        "the proxy accepts no secure connection (write its address with http://)",
    ),
    ("^SSLError.*certificate has expired", "its certificate has expired, or this machine's clock is ahead"),
    ("^SSLError.*certificate is not yet valid", "its certificate is not yet valid, or this machine's clock is behind"),
    ("^SSLError.*(?: mismatch,|doesn't match)", "its certificate belongs to another host"),
    (
        "^SSLError.*certificate verify failed: (?:self.signed|unable to)",
        "this machine does not trust the issuer of its certificate (REQUESTS_CA_BUNDLE can name a file with more)",
    ),
    (r"^SSLError.*certificate verify failed: (.+?) \(_ssl", "its certificate cannot be trusted ({})"),
    (r"aborted\.', \w+Error\((?:2|13|21|30), ", "SSLKEYLOGFILE names a file that cannot be written"),  # errno of a file
)
# These may be temporary.
PASSING = (
    (r"^ProxyError.*Tunnel connection failed: (\d+)", "the proxy returned HTTP {}"),
    ("^ProxyError", "the proxy did not answer"),
    ("^SSLError", "the secure connection (TLS) failed (is https:// right for this address?)"),
    (r"(?:BadStatusLine|UnknownProtocol)\(", "the response is not HTTP"),
    (r"got more than (\d+) headers", "its response has more than {} header lines"),
    (r"got more than (\d+) bytes when reading \w+ line", "a header line of its response has more than {} bytes"),
    (r"NewConnectionError\(.*Too many open files", "this machine allows no more open files (ulimit -n)"),
    (r"NameResolutionError\(|getaddrinfo failed|^LocationParse", "the host does not exist, or there is no network"),
    (r"NewConnectionError\(.*(?:unreachable|No route)", "there is no network, or no route to the host"),
    (r"^\w*Timeout|timed out", "it did not answer in time"),
    (" refused", "nothing listens at that address (connection refused)"),
    (r"^\w*Decod\w*Error", "it sent a body that cannot be decompressed"),
)


def problem(error: Exception) -> tuple[str, bool]:
    """What went wrong, as the end of a sentence that names the host, and whether only the user can fix it."""
    text = repr(error)
    for rows in (FOR_THE_USER, PASSING):
        for pattern, meaning in rows:
            if found := re.search(pattern, text, re.DOTALL):
                return meaning.format(*found.groups()), rows is FOR_THE_USER
    return "the connection broke", False


def never_arrived(error: Exception) -> bool:
    """Whether no connection was made, so the API cannot have received the request."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    # By type: the repr() of an error can contain the server's words, and TLS can break after the request too.
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | ProxyError)
