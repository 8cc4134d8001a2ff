"""Which network addresses the service may connect to when somebody else chose the URL.

The table is ours because `ipaddress` of Python 3.11 calls 6to4, NAT64 and v4-compatible forms of 127.0.0.1 global and
100.64.0.0/10 not private. IPv4 addresses hidden inside IPv6 ones are unwrapped and judged too. Pure values, no I/O.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WEB_PORTS = frozenset({80, 443})

# Sources: the IANA special-purpose address registries (RFC 6890 and its updates), read 2025.
FORBIDDEN: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; some clouds keep metadata services here
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata at 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, metadata of some clouds
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "::/96",  # unspecified, loopback, IPv4-compatible
        "::ffff:0:0/96",  # IPv4-mapped: the unwrapped address is judged, and it is what we connect to
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64, local
        "100::/64",  # discard
        "2001::/23",  # protocol assignments, Teredo and ORCHID among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local; fd00:ec2::254 is a metadata service
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, deprecated
        "ff00::/8",  # multicast
    )
)
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def unwrap(address: Address) -> Address:
    """The IPv4 address of an IPv4-mapped IPv6 one (the system connects to that), else the address itself."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_forbidden(address: Address) -> bool:
    """Whether `address` lies in a network that no stranger's URL may reach."""
    address = unwrap(address)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return True
    return any(address.version == network.version and address in network for network in FORBIDDEN)


@dataclass(frozen=True, slots=True)
class AllowList:
    """What the operator lets through besides the public Internet: networks, hosts, and hosts with one port."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()
    host_ports: frozenset[tuple[str, int]] = frozenset()

    @classmethod
    def parse(cls, entries: tuple[str, ...]) -> AllowList:
        """From `host`, `host:port`, an address or a CIDR; `ValueError` names an entry that is none of them."""
        networks: list[Network] = []
        hosts: set[str] = set()
        host_ports: set[tuple[str, int]] = set()
        for entry in entries:
            try:
                networks.append(ipaddress.ip_network(entry.strip("[]"), strict=False))
                continue
            except ValueError:
                host, port = _split_port(entry)
            if port is None:
                hosts.add(host)
            else:
                host_ports.add((host, port))
        return cls(tuple(networks), frozenset(hosts), frozenset(host_ports))

    def names(self, host: str, port: int) -> bool:
        """Whether the operator named this host (with this port) itself."""
        host = host.lower().rstrip(".")
        return host in self.hosts or (host, port) in self.host_ports

    def holds(self, address: Address) -> bool:
        """Whether `address` lies in a network the operator named."""
        address = unwrap(address)
        return any(address.version == network.version and address in network for network in self.networks)


def vet(addresses: Iterator[Address] | list[Address], host: str, port: int, allow: AllowList) -> list[Address]:
    """The addresses to connect to, unwrapped; `PermissionError` when the host, any of them or the port is not allowed.

    One forbidden address refuses the host: a name that points both outside and inside is an attack, not a choice.
    """
    found = [unwrap(address) for address in addresses]
    if allow.names(host, port):
        return found
    if any(is_forbidden(address) and not allow.holds(address) for address in found):
        raise PermissionError(
            "The URL leads into a private or reserved network, which this service does not fetch from."
        )
    if port not in WEB_PORTS and not all(allow.holds(address) for address in found):
        raise PermissionError("Only ports 80 and 443 are fetched from.")
    return found


def _split_port(entry: str) -> tuple[str, int | None]:
    host, colon, port = entry.rpartition(":")
    if not colon:
        host, port = entry, ""
    if not host or "/" in host or (colon and not port.isdigit()):
        raise ValueError(f"{entry!r} is neither a host, a host:port, an address nor a CIDR.")
    return host.strip("[]").lower().rstrip("."), int(port) if port else None
