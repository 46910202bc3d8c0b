"""Checks usual options of a config beyond what a JSON Schema can say: a key, an address."""

from urllib.parse import urlsplit

from ..errors import ConfigError

LOCAL_HOSTS = {"localhost", "127.0.0.1", "::1", "host.docker.internal"}  # plain http only to these


def key(value: str, option: str = "api_key") -> str:
    """The key without surrounding spaces. Raises ConfigError if it cannot be in a header."""
    value = value.strip()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        # The value is a secret, so the sentence does not quote it.
        raise ConfigError(f"{option}: it contains spaces or invalid characters; copy it again.")
    return value


def address(url: str, option: str = "api_url") -> str:
    """The address of an API, without a trailing slash. Raises ConfigError."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or parts.scheme not in ("http", "https") or set(url) & set("?#@"):
        raise ConfigError(f"{option}: write it in full, like https://api.example.com, without a user name, ? or #.")
    if parts.scheme == "http" and host not in LOCAL_HOSTS:
        raise ConfigError(f"{option}: use https, which protects your key; http works only for this machine.")
    return url.strip().rstrip("/")
