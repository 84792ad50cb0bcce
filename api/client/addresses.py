"""Where a service is, and how it is reached: addresses, path segments, proxies."""

from ipaddress import ip_address
from urllib.parse import quote
from urllib.request import getproxies, proxy_bypass

import httpx

from surrogate_zoo.errors import InputError

TIMEOUT_S = 30.0
"""How long a service may be silent."""

_MAX_PORT = 2**16 - 1


def http_client(address: str, token: str | None) -> httpx.Client:
    """A connection to a service.

    Proxies of the environment (``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY``, ``NO_PROXY``) are used,
    but for a service on this machine, which no proxy can reach.

    Raises:
        InputError: The address, the token or a proxy's address cannot be one.
    """
    url = _checked(address)
    headers = {"Authorization": f"Bearer {printable('The token', token)}"} if token else {}
    try:
        return httpx.Client(
            base_url=url,
            headers=headers,
            timeout=TIMEOUT_S,
            trust_env=not is_loopback(url.host),
            verify=httpx.create_ssl_context(),  # with the environment's certificates in any case
        )
    except (httpx.InvalidURL, ValueError, ImportError) as error:
        raise InputError(
            f"A proxy that the environment names cannot be used ({error}); mend HTTP_PROXY, "
            "HTTPS_PROXY or ALL_PROXY."
        ) from error


def shown(url: httpx.URL) -> str:
    """A URL without user and password."""
    return str(url.copy_with(userinfo=b"")).rstrip("/")


def has_proxy(url: httpx.URL) -> bool:
    """Whether the environment puts a proxy before a host."""
    if is_loopback(url.host) or proxy_bypass(url.host):
        return False
    return bool({url.scheme, "all"} & getproxies().keys())


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name: ``localhost``, ``127.0.0.0/8``, ``::1``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def segment(name: str) -> str:
    """A name or an id as one segment of a path.

    Raises:
        InputError: No path can hold it.
    """
    if name in {"", ".", ".."}:
        raise InputError(f"{name!r} names nothing.")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as error:
        raise InputError(f"{name!r} is no text.") from error


def printable(what: str, text: str) -> str:
    """A text that may stand in a header.

    Raises:
        InputError: It may not.
    """
    if not (text.isascii() and text.isprintable()):
        raise InputError(f"{what} must be printable ASCII on one line.")
    return text


def _checked(address: str) -> httpx.URL:
    try:
        url = httpx.URL(address)
    except httpx.InvalidURL as error:
        raise _no_address(address, f" ({error})") from error
    if url.scheme not in {"http", "https"} or not url.host or (url.port or 0) > _MAX_PORT:
        raise _no_address(address)
    return url


def _no_address(address: str, reason: str = "") -> InputError:
    return InputError(
        f"{address!r} is no address of a service{reason}; write it as http://HOST:PORT."
    )
