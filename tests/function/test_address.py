from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from function.address import NEVER, why_refused

EVERYTHING = (ip_network("0.0.0.0/0"), ip_network("::/0"))
V4 = st.integers(0, 2**32 - 1).map(IPv4Address)
V6 = st.integers(0, 2**128 - 1).map(IPv6Address)
METADATA = ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192")


def wrapped(address: str | IPv4Address) -> list[str]:
    """Every IPv6 spelling that leads to an IPv4 address."""
    number = int(IPv4Address(address))
    low = [f"::ffff:{IPv4Address(number)}"]
    low += [
        str(IPv6Address(int(IPv6Address(base)) | number)) for base in ("::", "::ffff:0:0:0", "64:ff9b::", "64:ff9b:1::")
    ]
    low.append(str(IPv6Address(0x2002 << 112 | number << 80 | 1)))
    low.append(str(IPv6Address(0x20010000 << 96 | number << 64 | 0xFFFFFFFF ^ int(IPv4Address("8.8.8.8")))))
    low.append(str(IPv6Address(0x20010000 << 96 | int(IPv4Address("8.8.8.8")) << 64 | 0xFFFFFFFF ^ number)))
    return low


@pytest.mark.parametrize(
    "address",
    [*METADATA, "169.254.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "fe80::1",
     "fe80::1%eth0", "febf::1", "::", "ff02::1", "fec0::1", "fd00:ec2::254", "fd00:ec2::253", "fd00:ec2:0:0::123",
     "FD00:EC2::254", "fd20:ce::254"],
)  # fmt: skip
def test_metadata_and_link_local_are_refused_whatever_is_permitted(address: str) -> None:
    why = why_refused(address, EVERYTHING)
    assert why is not None and "never" in why and address in why


@pytest.mark.parametrize("address", METADATA)
def test_metadata_in_the_clothes_of_ipv6_too(address: str) -> None:
    for spelling in wrapped(address):
        assert why_refused(spelling, EVERYTHING) is not None, spelling


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "192.0.2.1",
     "198.18.0.1", "::1", "fc00::1", "fd12:3456::1", "2001:db8::1", "::ffff:127.0.0.1", "64:ff9b::10.0.0.1"],
)  # fmt: skip
def test_private_addresses_want_a_range(address: str) -> None:
    why = why_refused(address, ())
    assert why is not None and "none of the ranges" in why
    if ":" not in address:
        for spelling in wrapped(address):
            assert why_refused(spelling, ()) is not None, spelling


@pytest.mark.parametrize(
    ("address", "ranges"),
    [
        ("10.1.2.3", "10.1.0.0/16"),
        ("::ffff:10.1.2.3", "10.1.0.0/16"),
        ("127.0.0.1", "127.0.0.0/8"),
        ("::1", "::1/128"),
        ("fd12::1", "fd12::/16"),
        ("64:ff9b:1::a01:203", "64:ff9b:1::/48"),
    ],
)
def test_a_permitted_range_lets_its_own_in_and_no_others(address: str, ranges: str) -> None:
    assert why_refused(address, (ip_network(ranges),)) is None
    assert why_refused(address, (ip_network("192.168.0.0/16"), ip_network("fd77::/16"))) is not None


def test_an_ipv4_range_counts_behind_nat64_and_behind_no_tunnel() -> None:
    assert why_refused("64:ff9b::10.0.0.1", (ip_network("10.0.0.0/8"),)) is None
    assert why_refused("2002:a00:1::1", (ip_network("10.0.0.0/8"),)) is not None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "52.94.236.248", "2606:4700::1111", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"]
)
def test_public_addresses_need_no_range(address: str) -> None:
    assert why_refused(address, ()) is None


@pytest.mark.parametrize(
    "text", ["", "localhost", "0x7f.1", "2130706433", "127.1", "127.0.0.1:80", "010.0.0.1", "[::1]", "1.2.3.4 "]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert why_refused(text, EVERYTHING) is not None


@given(V4)
def test_a_mapped_address_is_judged_as_the_one_it_is(address: IPv4Address) -> None:
    for permitted in ((), (ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"))):
        plain, mapped = why_refused(str(address), permitted), why_refused(f"::ffff:{address}", permitted)
        assert (plain is None) == (mapped is None)


@given(V4)
def test_no_clothes_open_a_door_that_is_shut(address: IPv4Address) -> None:
    if why_refused(str(address), ()) is not None:
        assert all(why_refused(spelling, ()) is not None for spelling in wrapped(address))
    if address != IPv4Address("0.0.0.1") and any(address in network for network in NEVER if network.version == 4):
        assert all(why_refused(spelling, EVERYTHING) is not None for spelling in wrapped(address))


@given(st.one_of(V4, V6))
def test_without_ranges_only_public_addresses_are_called(address: ipaddress.IPv4Address | IPv6Address) -> None:
    if why_refused(str(address), ()) is None:
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        assert (mapped or address).is_global and not address.is_multicast and not address.is_link_local


@given(st.one_of(V4, V6), st.lists(st.one_of(V4, V6), max_size=3))
def test_a_range_more_never_shuts_out(
    address: IPv4Address | IPv6Address, ranges: list[IPv4Address | IPv6Address]
) -> None:
    networks = tuple(ip_network((int(one), one.max_prefixlen // 2), strict=False) for one in ranges if one.version == 4)
    if why_refused(str(address), ()) is None:
        assert why_refused(str(address), networks) is None
