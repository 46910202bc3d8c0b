"""Says in a sentence for people what went wrong between a request and its response."""

from requests import exceptions as errors

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")  # a company's own certificate authorities
UNTRUSTED = "no authority that this machine trusts signed its certificate (REQUESTS_CA_BUNDLE can name a file of more)"

# Exceptions' classes, and what is in their text, and what that means. The first that fits counts.
PROBLEMS: tuple[tuple[type[Exception] | None, tuple[str, ...], str], ...] = (
    (None, ("CERTIFICATE_VERIFY_FAILED",), UNTRUSTED),
    (None, ("TLS CA certificate bundle",), f"the certificates that {' or '.join(CA_VARIABLES)} names cannot be read"),
    (errors.SSLError, (), "no secure connection (TLS) could be made (is https:// right for this address?)"),
    (errors.ProxyError, (), "the proxy in the environment (HTTPS_PROXY) did not answer"),
    (None, ("NameResolution", "getaddrinfo"), "there is no such host, or no network"),
    (errors.Timeout, ("timed out",), "it did not answer in time"),
    (None, ("refused",), "nothing listens at that address (connection refused)"),
    (errors.ContentDecodingError, ("decode",), "it sent a body that cannot be unpacked"),
)


def problem(error: Exception) -> str:
    """What went wrong on the way, as the end of a sentence that names the host."""
    text = repr(error)
    for kind, words, meaning in PROBLEMS:
        if (kind and isinstance(error, kind)) or any(word in text for word in words):
            return meaning
    return "the connection broke"
