"""Tests certificates over real TLS: which are trusted, and the messages about others and about files of authorities."""

import ssl

import pytest
from letters_server import CA_VARIABLES, failure
from raw_server import AUTHORITY, GOOD, answering, serving

from source_stock_ticker.runtime.errors import ConfigError, TransientError

UNTRUSTED = "this machine does not trust the issuer of its certificate"


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_who_is_signed_by_an_authority_of_the_environment_is_trusted(client, monkeypatch, variable):
    monkeypatch.setenv(variable, str(AUTHORITY))
    with serving(answering(GOOD), "good.pem") as server:
        assert client(tries=1).get(f"https://{server.address}/").body == b"letters"


@pytest.mark.parametrize(
    ("certificate", "meaning"),
    [
        ("expired.pem", "its certificate has expired, or this machine's clock is ahead"),
        ("not_yet_valid.pem", "its certificate is not yet valid, or this machine's clock is behind"),
        ("of_another_host.pem", "its certificate belongs to another host"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_reported_and_not_retried(client, monkeypatch, certificate, meaning):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(AUTHORITY))
    with serving(answering(GOOD), certificate) as server:
        error = failure(client(), f"https://{server.address}/")
    assert isinstance(error, ConfigError)
    assert error.message == f"https://{server.address} cannot be reached: {meaning}."
    assert server.connections == 1


@pytest.mark.parametrize("folder", [False, True], ids=["the usual authorities", "an empty folder of authorities"])
def test_a_certificate_from_an_unknown_authority_is_reported(client, monkeypatch, tmp_path, folder):
    if folder:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with serving(answering(GOOD), "good.pem") as server:
        error = failure(client(), f"https://{server.address}/")
    assert isinstance(error, ConfigError)
    assert UNTRUSTED in error.message
    assert server.connections == 1


def test_a_handshake_that_breaks_off_is_retried(client):
    with serving(lambda connection: connection.recv(10_000)) as server:
        assert isinstance(failure(client(tries=3), f"https://{server.address}/"), TransientError)
    assert server.connections == 3


def test_a_log_of_session_keys_that_cannot_be_written_is_reported_by_its_variable(client, monkeypatch, tmp_path):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(AUTHORITY))
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "no folder" / "keys.log"))
    with serving(answering(GOOD), "good.pem") as server:
        error = failure(client(), f"https://{server.address}/")
    assert isinstance(error, ConfigError)
    assert error.message.endswith(" cannot be reached: SSLKEYLOGFILE names a file that cannot be written.")


# A file of authorities

PEM = AUTHORITY.read_text("ascii")
NO_FILES_OF_AUTHORITIES = {
    "empty": b"",
    "text": b"Ask Bob for the certificate.\n",
    "DER": ssl.PEM_cert_to_DER_cert(PEM),
    "cut": PEM[:300].encode(),
    "the second one cut": (PEM + PEM[:300]).encode(),
    "UTF-16": PEM.encode("utf-16"),
}


@pytest.mark.parametrize("variable", CA_VARIABLES)
@pytest.mark.parametrize("kind", NO_FILES_OF_AUTHORITIES)
def test_a_file_without_authorities_is_reported_by_its_variable(client, monkeypatch, tmp_path, kind, variable):
    (tmp_path / "ca.pem").write_bytes(NO_FILES_OF_AUTHORITIES[kind])
    monkeypatch.setenv(variable, str(tmp_path / "ca.pem"))
    error = failure(client(), "https://127.0.0.1:9/")
    assert isinstance(error, ConfigError)
    assert error.message == (
        f"{variable} names a file without valid certificates; they must be in PEM format (-----BEGIN CERTIFICATE-----)."
    )


def test_a_missing_file_of_authorities_is_reported_by_its_variable(client, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nope.pem"))
    error = failure(client(), "https://127.0.0.1:9/")
    assert isinstance(error, ConfigError)
    assert error.message == "SSL_CERT_FILE names a file that cannot be read (No such file or directory)."


def test_the_first_variable_that_is_set_counts(client, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "")
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nope/a")
    monkeypatch.setenv("SSL_CERT_FILE", "/nope/b")
    assert failure(client(), "https://127.0.0.1:9/").message.startswith("CURL_CA_BUNDLE ")


def test_without_tls_no_file_of_authorities_is_needed(client, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nope")
    with serving(answering(GOOD)) as server:
        assert client(tries=1).get(f"http://{server.address}/").body == b"letters"
