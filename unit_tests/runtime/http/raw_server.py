"""Runs a server on this machine that sends exactly the bytes that a test says, over real sockets."""

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from pathlib import Path

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nletters"
CERTIFICATES = Path(__file__).parent / "certificates"
AUTHORITY = CERTIFICATES / "authority.pem"


class RawServer:
    """address: its host and port. connections: how many were made to it."""

    def __init__(self, address):
        self.address, self.connections = address, 0


@contextmanager
def serving(answer, certificate=None):
    """A RawServer. answer(connection) runs in a separate thread; certificate: a file of CERTIFICATES, for TLS."""

    def serve(connection):
        with suppress(OSError), connection:
            if certificate:
                connection = with_tls(certificate).wrap_socket(connection, server_side=True)
            answer(connection)

    def accept():
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                server.connections += 1
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = RawServer("{}:{}".format(*listening.getsockname()))
        threading.Thread(target=accept, daemon=True).start()
        yield server


def with_tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / "test_only_private_key.pem")
    return context


def answering(sent):
    """For `serving`: each request is answered by these bytes."""

    def answer(connection):
        while connection.recv(10_000):
            connection.sendall(sent)

    return answer
