"""The address that others can open: a teacher's browser may call its own machine localhost."""

import ipaddress
import socket
from urllib.parse import urlsplit, urlunsplit


def reachable(address: str) -> str:
    """The same address with the machine's name in the network where it says localhost."""
    parts = urlsplit(address)
    if not is_loopback(parts.hostname or ""):
        return address
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, f"{own_address() or parts.hostname}{port}", parts.path, parts.query, parts.fragment))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def own_address() -> str | None:
    """This machine's address in its network, None where it has none. Nothing is sent: a datagram socket only picks a way out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        try:
            way.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return str(way.getsockname()[0])
