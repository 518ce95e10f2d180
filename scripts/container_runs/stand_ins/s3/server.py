"""An S3-compatible server with one bucket below /data. It answers 503 while the file /tmp/unavailable is there."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path

from localbucket import S3Error, S3Handler  # type: ignore[import-untyped]

BUCKET = Path("/data/masklet")
UNAVAILABLE = Path("/tmp/unavailable")
PORT = 9000


class Handler(S3Handler):  # type: ignore[misc]
    """The package's own, with an outage."""

    def _dispatch(self, action: Callable[[str, str], None]) -> None:
        super()._dispatch(self._refuse if UNAVAILABLE.exists() else action)

    def _refuse(self, bucket: str, key: str) -> None:
        self.rfile.read(int(self.headers.get("content-length") or 0))
        raise S3Error(HTTPStatus.SERVICE_UNAVAILABLE, "ServiceUnavailable", "Reduce your request rate.")


if __name__ == "__main__":
    BUCKET.mkdir(exist_ok=True)
    Handler.data_root = BUCKET.parent
    ThreadingHTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
