"""Which addresses a worker on a cloud may connect to. Pure: addresses in, reasons out.

A name on the allow-list may mean any address, and another one at each look; so what is judged is the address of each
connection, as the kernel is given it. Metadata services and link-local addresses are refused whatever is permitted;
private, loopback and otherwise special ones unless a permitted range holds them. An IPv6 address that leads to an IPv4
address (mapped, compatible, translated, 6to4, Teredo) is judged by both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NEVER: tuple[Network, ...] = tuple(
    map(
        ip_network,
        (
            "169.254.0.0/16",  # link-local: metadata of AWS, GCP, Azure, OCI; credentials of ECS and of Lambda's kin
            "168.63.129.16/32",  # Azure's host
            "100.100.100.200/32",  # Alibaba's metadata
            "192.0.0.192/32",  # Oracle's
            "0.0.0.0/8",
            "224.0.0.0/4",
            "240.0.0.0/4",
            "fe80::/10",
            "fec0::/10",
            "ff00::/8",
            "::/128",
            "fd00:ec2::/32",  # AWS' metadata, names and time
            "fd20:ce::254/128",  # GCP's metadata
        ),
    )
)
_MAPPED = IPv6Network("::ffff:0:0/96")
# Prefixes whose addresses hold an IPv4 address, and how far left of the address's end it stands, in bits.
_HOLDS_IPV4: tuple[tuple[IPv6Network, int], ...] = (
    (_MAPPED, 0),
    (IPv6Network("::/96"), 0),  # IPv4-compatible
    (IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated (SIIT)
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64 of a network's own, /96
    (IPv6Network("2002::/16"), 80),  # 6to4
    (IPv6Network("2001::/32"), 64),  # Teredo: its server
)
_PUBLIC_NAT64 = IPv6Network("64:ff9b::/96")
_TEREDO = IPv6Network("2001::/32")


def why_refused(text: str, permitted: Sequence[Network]) -> str | None:
    """Why no connection may be opened to the address `text` (perhaps with a scope), or None."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return f"{text!r} is no IP address"
    if isinstance(address, IPv6Address) and address in _MAPPED:
        return _why(IPv4Address(int(address) & 0xFFFFFFFF), text, permitted)
    return _why(address, text, permitted)


def _why(address: Address, text: str, permitted: Sequence[Network]) -> str | None:
    """`permitted` must hold the address itself: that it holds one inside makes its bearer no less special."""
    inner = list(_held(address))
    if any(one in network for one in (address, *inner) for network in NEVER if one.version == network.version):
        return f"{text} is a metadata, link-local or otherwise unusable address, which is never called"
    listed = any(address in network for network in permitted if address.version == network.version)
    if listed or (_is_public(address) and all(_why(one, text, permitted) is None for one in inner)):
        return None
    return f"{text} is a private or loopback address, in none of the ranges that this deployment permits"


def _is_public(address: Address) -> bool:
    """NAT64's well-known prefix leads to the Internet like the address it holds. 6to4, Teredo and the like are legacy
    ways around, and are public to nobody."""
    if isinstance(address, IPv6Address):
        if address in _PUBLIC_NAT64:
            return True
        if any(address in prefix for prefix, _ in _HOLDS_IPV4):
            return False
    return address.is_global and not address.is_multicast


def _held(address: Address) -> Iterator[IPv4Address]:
    if not isinstance(address, IPv6Address) or address.is_loopback:
        return
    for prefix, shift in _HOLDS_IPV4:
        if address in prefix:
            yield IPv4Address(int(address) >> shift & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address(~int(address) & 0xFFFFFFFF)  # its client, hidden
