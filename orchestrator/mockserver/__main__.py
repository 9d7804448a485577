"""`python -m orchestrator.mockserver`: the process that embeds the mock server for a run, or for trying things on.

Prints its URL on standard output when it is ready, and writes it to `--ready-fd` or `--ready-file`. Exit codes: 0 ended
when asked or when its lifeline closed, 1 the log is not whole, 2 bad configuration or address.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from orchestrator.mockserver.config import MockConfig, MockConfigError, config_from
from orchestrator.mockserver.process import Lifeline, serve


def main(argv: list[str] | None = None) -> int:
    options = _parser().parse_args(argv)
    ready: list[str] = []
    tell = _telling(options.ready_fd, options.ready_file)
    lifeline = None if options.lifeline_fd is None else Lifeline(options.lifeline_fd, options.linger)

    def on_ready(url: str) -> None:
        tell(url)
        ready.append(url)

    try:
        serve(
            _config(options.config_json),
            host=options.host,
            port=options.port,
            log=options.log,
            log_bodies=options.log_bodies,
            on_ready=on_ready,
            lifeline=lifeline,
        )
    except (MockConfigError, OSError) as error:
        print(f"mock server: {error}", file=sys.stderr)
        return 1 if ready else 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m orchestrator.mockserver", description="OpenAI-compatible mock.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on; loopback unless given")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument(
        "--config-json", default="{}", metavar="JSON", help="settings by MockConfig's names; - reads stdin"
    )
    parser.add_argument("--log", type=Path, metavar="FILE", help="truth log, one JSON line a request")
    parser.add_argument("--log-bodies", action="store_true", help="the truth log holds the requests' bodies too")
    parser.add_argument(
        "--ready-fd", type=int, metavar="N", help="the URL is written here when ready, then it is closed"
    )
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="appears with the URL when ready")
    parser.add_argument("--lifeline-fd", type=int, metavar="N", help="exit when the other end of this pipe closes")
    parser.add_argument("--linger", type=float, default=0.0, metavar="S", help="seconds to serve on after that")
    return parser


def _config(text: str) -> MockConfig:
    try:
        values = json.loads(sys.stdin.read() if text == "-" else text)
    except ValueError as error:
        raise MockConfigError(f"--config-json is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise MockConfigError("--config-json must be a JSON object")
    return config_from(values)


def _telling(fd: int | None, file: Path | None) -> Callable[[str], None]:
    def tell(url: str) -> None:
        if fd is not None:
            os.write(fd, url.encode() + b"\n")
            os.close(fd)
        if file is not None:
            part = file.with_name(file.name + ".part")
            part.write_text(url + "\n")
            part.replace(file)
        if sys.stdout is not None:
            print(url, flush=True)

    return tell


if __name__ == "__main__":
    sys.exit(main())
