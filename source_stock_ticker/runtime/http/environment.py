"""Reads from the environment how to reach a host: HTTPS_PROXY, ALL_PROXY, NO_PROXY and CA_VARIABLES.

It checks the variables before it sends anything. Errors name the variable, never its value: it can hold a password.
"""

import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from requests.utils import get_environ_proxies, select_proxy
from urllib3.util import parse_url

from ..errors import CredentialsError

# The first one that is set names a file or folder of certificate authorities to trust instead of the usual ones.
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def route_to(url: str) -> dict[str, Any]:
    """The `proxies` and `verify` arguments of requests for a URL. Raises CredentialsError."""
    if not url.lower().startswith("https:"):
        return {"proxies": {}, "verify": True}  # Without TLS, a proxy could read the key.
    proxies = get_environ_proxies(url)  # no proxy if NO_PROXY names the host
    if address := select_proxy(url, proxies):
        _check_proxy("HTTPS_PROXY" if "https" in proxies else "ALL_PROXY", address)
    return {"proxies": proxies, "verify": _authorities()}


def _check_proxy(variable: str, address: str) -> None:
    if address.lower().startswith("socks"):
        raise CredentialsError(f"{variable} names a SOCKS proxy; only HTTP proxies (http://...) are supported.")
    if not _is_proxy(address):
        raise CredentialsError(
            f"{variable} is not the address of a proxy; write it as http://host:port or "
            "http://user:password@host:port. In a password, write @ : / ? # % as %40 %3A %2F %3F %23 %25."
        )


def _is_proxy(address: str) -> bool:
    try:
        scheme, auth, host, _, path, query, fragment = parse_url(address)
        unquote(auth or "").encode("latin-1")  # as HTTP Basic sends it
        (host or "").encode("idna")  # as it is looked up
    except ValueError:
        return False
    # An unescaped / ? or # in a password moves the host into a later part.
    return scheme in (None, "http", "https") and bool(host) and path in (None, "/") and not (query or fragment)


def _authorities() -> str | bool:
    """The file or folder of certificate authorities to trust; True for the usual ones."""
    variable = next(filter(os.environ.get, CA_VARIABLES), None)
    if variable is None:
        return True
    name = os.environ[variable]
    try:
        if not Path(name).is_dir():
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(name)
    except ssl.SSLError as error:
        raise CredentialsError(
            f"{variable} names a file without valid certificates; "
            "they must be in PEM format (-----BEGIN CERTIFICATE-----).",
            str(error),
        ) from None
    except OSError as error:
        raise CredentialsError(f"{variable} names a file that cannot be read ({error.strerror}).") from None
    return name
