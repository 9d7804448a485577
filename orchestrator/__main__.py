"""`python -m orchestrator` is `benchctl`."""

import _signal  # type: ignore[import-not-found]  # built in; `signal` takes milliseconds, and a Ctrl-C then is traced
import os
import sys

_before = _signal.getsignal(_signal.SIGINT)
if __name__ == "__main__" and _before == _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, lambda number, frame: os._exit(130))

from orchestrator.cli import main  # noqa: E402

if __name__ == "__main__":
    if _before == _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _before)
    sys.exit(main())
