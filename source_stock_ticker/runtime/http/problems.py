"""Says in a sentence for people what went wrong between a request and its response."""

import requests

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # a company's own certificate authorities
UNTRUSTED = "no authority that this machine trusts signed its certificate (REQUESTS_CA_BUNDLE can name a file of more)"

# An exception's class, or what its text holds, and what that means. The first that fits counts.
PROBLEMS: tuple[tuple[type[Exception] | str, str], ...] = (
    ("CERTIFICATE_VERIFY_FAILED", UNTRUSTED),
    ("TLS CA certificate bundle", f"the certificates that {' or '.join(CA_VARIABLES)} names cannot be read"),
    (requests.exceptions.SSLError, "no secure connection (TLS) could be made (is https:// right for this address?)"),
    (requests.exceptions.ProxyError, "the proxy in the environment (HTTPS_PROXY) did not answer"),
    ("NameResolution", "there is no such host, or no network"),
    ("getaddrinfo", "there is no such host, or no network"),
    (requests.Timeout, "it did not answer in time"),
    ("timed out", "it did not answer in time"),
    ("refused", "nothing listens at that address (connection refused)"),
    ("decode", "it sent a body that cannot be unpacked"),
    (requests.exceptions.ContentDecodingError, "it sent a body that cannot be unpacked"),
)


def problem(error: Exception) -> str:
    """What went wrong on the way, as the end of a sentence that names the host."""
    text = repr(error)
    for sign, said in PROBLEMS:
        if sign in text if isinstance(sign, str) else isinstance(error, sign):
            return said
    return "the connection broke"
