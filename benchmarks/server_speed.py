"""Checks that the benchmark's server is not the bottleneck: the same responses from it and from nginx.

    python benchmarks/server_speed.py [--markdown]

Needs nginx (apt-get install nginx-light), which it starts on its own port. --markdown inserts the table into
README.md.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import server
from measure import serving
from report import put

DATA = {"100 responses of 2,500 bars": server.Data(100, 2_500), "1,000 responses of 250": server.Data(1_000, 250)}
ROUNDS = 5
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000; default_type application/json;
  open_file_cache max=2000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port}; root {folder};
    location ~ ^/v2/aggs/ticker/(?<ticker>\\w+)/ {{ try_files /$ticker =404; }}
  }}
}}
"""


@contextmanager
def nginx(data: server.Data) -> Iterator[str]:
    """nginx with the same responses in files. -> its address"""
    with tempfile.TemporaryDirectory() as folder:
        with server.Server(data) as ours:  # makes the responses, and finds a free port
            for name, body in ours.responses.by_request.items():
                Path(folder, name.split(" ")[0]).write_bytes(body.partition(b"\r\n\r\n")[2])
            port = ours.server_address[1]
        Path(folder, "conf").write_text(NGINX.format(folder=folder, port=port))
        process = subprocess.Popen(["nginx", "-c", f"{folder}/conf", "-e", f"{folder}/errors", "-p", folder])
        time.sleep(1)
        try:
            yield f"http://localhost:{port}"
        finally:
            process.terminate()
            process.wait()


@contextmanager
def ours(data: server.Data) -> Iterator[str]:
    with serving(data) as served:
        yield served.url


def seconds(url: str, data: server.Data, connections: int) -> float:
    """The time to get every ticker's response once."""
    tickers = server.names(data)

    def get(part: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(url).port)
        for ticker in tickers[part::connections]:
            path = f"/v2/aggs/ticker/{ticker}/range/1/day/{server.START}/{server.END}"
            connection.request("GET", path, headers={"Authorization": "Bearer benchmark-key"})
            response = connection.getresponse()
            if response.status != 200 or len(response.read()) < 1000:
                os.abort()
        connection.close()

    threads = [threading.Thread(target=get, args=(part,)) for part in range(connections)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - start


def main() -> int:
    lines = ["| | connections | server.py, responses a second | nginx | nginx / server.py |", "|---|---|---|---|---|"]
    print("\n".join(lines))
    for title, data in DATA.items():
        with ours(data) as one, nginx(data) as other:
            for connections in (1, 4):
                rounds = [(seconds(one, data, connections), seconds(other, data, connections)) for _ in range(ROUNDS)]
                rates = [f"{data.tickers / median(times):,.0f}" for times in zip(*rounds, strict=True)]
                ratio = median(mine / theirs for mine, theirs in rounds)
                lines.append(f"| {title} | {connections} | {' | '.join(rates)} | {ratio:.2f} |")
                print(lines[-1], flush=True)
    if "--markdown" in sys.argv:
        put("server", lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
