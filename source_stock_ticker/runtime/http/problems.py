"""Says in a sentence for people what went wrong between a request and its response."""

from __future__ import annotations

from collections.abc import Callable

import requests

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # a company's own certificate authorities

# What an exception and its text look like, and what that means; the first that fits counts.
_PROBLEMS: list[tuple[Callable[[Exception, str], bool], str]] = [
    (
        lambda _, text: "CERTIFICATE_VERIFY_FAILED" in text,
        "no authority that this machine trusts signed its certificate (REQUESTS_CA_BUNDLE can name a file of more)",
    ),
    (
        lambda _, text: "TLS CA certificate bundle" in text,
        f"the certificates that {' or '.join(CA_VARIABLES)} names cannot be read",
    ),
    (
        lambda error, _: isinstance(error, requests.exceptions.SSLError),
        "no secure connection (TLS) could be made (is https:// right for this address?)",
    ),
    (
        lambda error, _: isinstance(error, requests.exceptions.ProxyError),
        "the proxy in the environment (HTTPS_PROXY) did not answer",
    ),
    (
        lambda _, text: "NameResolution" in text or "getaddrinfo" in text,
        "there is no such host, or no network",
    ),
    (
        lambda error, text: isinstance(error, requests.Timeout) or "timed out" in text,
        "it did not answer in time",
    ),
    (
        lambda _, text: "refused" in text,
        "nothing listens at that address (connection refused)",
    ),
    (
        lambda error, text: "decode" in text or isinstance(error, requests.exceptions.ContentDecodingError),
        "it sent a body that cannot be unpacked",
    ),
]


def problem(error: Exception) -> str:
    """What went wrong on the way, as the end of a sentence that names the host."""
    text = repr(error)
    return next((said for fits, said in _PROBLEMS if fits(error, text)), "the connection broke")
