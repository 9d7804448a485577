"""What answers like AWS for tests of one service: moto's server, in threads of this process.

It serves one request at a time: moto looks whether a key is taken and then writes it, so two at once can both win.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

REGION = "us-east-1"


@contextmanager
def running_moto() -> Iterator[str]:
    """Its URL."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request
    application = _one_at_a_time(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _one_at_a_time(application: Any) -> Callable[[Any, Any], Iterable[bytes]]:
    lock = threading.Lock()

    def serve(environment: Any, start_response: Any) -> Iterable[bytes]:
        with lock:
            return list(application(environment, start_response))

    return serve


def root_client(service: str, url: str) -> Any:
    """boto3's, with the key of an emulator's root."""
    import boto3

    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)


def new_bucket(url: str) -> str:
    name = f"suite-{secrets.token_hex(6)}"
    root_client("s3", url).create_bucket(Bucket=name)
    return name
