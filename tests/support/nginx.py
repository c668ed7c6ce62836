"""nginx as the README sets it up, in front of a provider of the tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.web_servers import recipe, running_server

_PROGRAM: Final = Path("/usr/sbin/nginx")
_COMMON: Final = """
daemon off;
user root;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors info;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {recipe}
}}
"""


@contextmanager
def nginx(folder: Path, port: int, changes: Mapping[str, str]) -> Iterator[None]:
    """Nginx on this port until the end of the block."""
    file = folder / "nginx.conf"
    file.write_text(_COMMON.format(folder=folder, recipe=recipe("nginx", changes)), "utf-8")
    with running_server([_PROGRAM, "-c", file, "-p", folder], [port]):
        yield
