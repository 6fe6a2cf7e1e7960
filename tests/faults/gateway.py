"""A real nginx between the bridge and the vendor, as a vendor has one."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from tests.nginx.server import Nginx

if TYPE_CHECKING:
    from pathlib import Path

    from local.simulator import Simulator

RATE = 50  # messages a second that it lets through to /limited

# A file that is there switches a page on, as is done for maintenance.
SERVER = Template("""
        proxy_read_timeout 60s;
        error_page 503 @maintenance;
        location @maintenance {
            add_header Retry-After 120 always;
            return 503 "<html><h1>We are back soon</h1></html>";
        }
        location / {
            if (-f $directory/maintenance) { return 503; }
            if (-f $directory/moved) { return 302 https://elsewhere.example/maintenance; }
            proxy_pass http://$vendor;
        }
        location /limited/ {
            limit_req zone=all burst=$burst nodelay;
            proxy_pass http://$vendor/;
        }
""")


class Gateway:
    """nginx, once it knows what it stands before."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._nginx: Nginx | None = None

    def before(self, vendor: Simulator) -> str:
        """Start it before a vendor; gives its URL."""
        server = SERVER.substitute(
            directory=self._directory, vendor=vendor.url.removeprefix("http://"), burst=RATE // 5
        )
        self._nginx = Nginx(self._directory, server, rate=f"{RATE}r/s")
        return f"http://127.0.0.1:{self._nginx.port}"

    def limited(self, vendor: Simulator) -> str:
        """The same, where no more than RATE messages a second pass."""
        return f"{self.before(vendor)}/limited"

    def switch(self, page: str, *, on: bool) -> None:
        """Answer everything with a page: `maintenance` or `moved`."""
        file = self._directory / page
        file.touch() if on else file.unlink()

    def stop(self) -> None:
        if self._nginx:
            self._nginx.stop()
