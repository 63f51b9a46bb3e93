"""Certificates that we show: to banks that let in only who they know (mutual TLS)."""

import ssl

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code


def showing(certificate: str, key: str) -> ssl.SSLContext:
    """Return a TLS context that shows a certificate; the other side must prove itself as always.

    Both are paths of PEM files; the key may stand in the certificate's (then `key` is empty), and
    must not be locked with a passphrase. Raises InvalidInput for files that cannot be used.
    """
    context = ssl.create_default_context()
    try:
        context.load_cert_chain(certificate, key or None, password=_refuse)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise InvalidInput(
            f"The certificate that we should show cannot be used: {type(error).__name__}.",
            remedy=fix_code(
                "Give the paths of PEM files that belong together, with a key that is not locked."
            ),
        ) from None
    return context


def _refuse() -> str:
    """Never ask for a passphrase at the terminal."""
    raise ValueError("the key is locked")
