"""The TLS context of a target: its own CA file, its client certificate, or the system's roots."""

from __future__ import annotations

import ssl

from function.contract.errors import UsageError
from function.contract.spec import Target


def tls_context(target: Target) -> ssl.SSLContext:
    """Certificates are always checked. `ca_file` replaces the system's roots. Raises UsageError naming the file."""
    try:
        context = ssl.create_default_context(cafile=target.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{target.ca_file}: no CA certificates in it ({error})", path="server.ca_file") from error
    if target.ca_file:
        # Python 3.13 began to refuse CA files without key identifiers; people have them, and they worked before.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    if target.cert_path:
        try:
            context.load_cert_chain(target.cert_path, target.key_path)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(
                f"{target.cert_path}: unusable certificate or key ({error})", path="server.cert_path"
            ) from error
    return context
