"""The table of networks that strangers' URLs may not reach."""

from __future__ import annotations

import ipaddress

import pytest

from service.addresses import AllowList, is_forbidden, vet


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
        "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1",
        "5f00::1",
    ],
)  # fmt: skip
def test_forbidden(text):
    assert is_forbidden(ipaddress.ip_address(text))


@pytest.mark.parametrize(
    "text",
    ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "198.17.255.255",
     "198.20.0.0", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"],
)  # fmt: skip
def test_public(text):
    assert not is_forbidden(ipaddress.ip_address(text))


def vetted(addresses, *allow, host="pictures.example", port=443):
    found = [ipaddress.ip_address(text) for text in addresses]
    return [str(address) for address in vet(found, host, port, AllowList.parse(allow))]


def test_public_addresses_on_web_ports_pass():
    assert vetted(["1.1.1.1", "2606:4700:4700::1111"]) == ["1.1.1.1", "2606:4700:4700::1111"]


def test_one_forbidden_address_refuses_the_host():
    with pytest.raises(PermissionError):
        vetted(["1.1.1.1", "10.0.0.1"])


def test_other_ports_are_refused():
    with pytest.raises(PermissionError, match="ports"):
        vetted(["1.1.1.1"], port=22)


def test_the_reason_does_not_name_the_address():
    with pytest.raises(PermissionError) as refused:
        vetted(["10.11.12.13"])
    assert "10.11" not in str(refused.value)


@pytest.mark.parametrize("allow", ["10.0.0.0/8", "10.0.0.1", "pictures.example", "Pictures.Example:8080"])
def test_what_the_operator_names_passes_on_any_of_its_ports(allow):
    assert vetted(["10.0.0.1"], allow, port=8080) == ["10.0.0.1"]


def test_an_allowed_port_is_that_port_alone():
    with pytest.raises(PermissionError):
        vetted(["10.0.0.1"], "pictures.example:8080", port=8081)


def test_an_allowed_network_does_not_cover_its_neighbours():
    with pytest.raises(PermissionError):
        vetted(["10.0.0.1", "10.1.0.1"], "10.0.0.0/16", port=80)


def test_mapped_addresses_are_connected_to_as_what_they_are():
    assert vetted(["::ffff:10.0.0.1"], "10.0.0.0/8") == ["10.0.0.1"]


@pytest.mark.parametrize("entry", ["host:port", "a/b", ":80", "10.0.0.0/99"])
def test_an_entry_that_means_nothing_is_named(entry):
    with pytest.raises(ValueError, match="neither"):
        AllowList.parse((entry,))
