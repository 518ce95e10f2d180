"""Addresses that may be fetched, and those that get the token."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from backend.adapters.labelstudio.api.media_policy import MediaPolicy, Origin, parse_url
from backend.domain.errors import MediaUnreachable, NotAllowed

NAMES = {
    "studio": ["10.0.0.5"],
    "media.example.org": ["93.184.216.34"],
    "public.example.org": ["93.184.216.35", "2606:2800:220:1::1"],
    "rebound.example.org": ["93.184.216.34", "127.0.0.1"],
    "meta.example.org": ["169.254.169.254"],
    "mapped.example.org": ["::ffff:10.0.0.1"],
    "nat64.example.org": ["64:ff9b::a00:1"],
    "sixtofour.example.org": ["2002:a00:1::1"],
    "2130706433": ["127.0.0.1"],
    "127.0.0.1": ["127.0.0.1"],
    "::1": ["::1"],
    "::ffff:127.0.0.1": ["::ffff:127.0.0.1"],
    "fe80::1": ["fe80::1%eth0"],
    "0.0.0.0": ["0.0.0.0"],
}


def resolve(host: str, port: int) -> Iterable[str]:
    if host not in NAMES:
        raise OSError("no such host")
    return NAMES[host]


def policy(*hosts: str, url: str = "http://studio:8080") -> MediaPolicy:
    return MediaPolicy.of(url, hosts, resolve)


def test_label_studio_may_be_private_and_gets_its_token() -> None:
    destination = policy().destination(policy().absolute("/data/upload/1/a.mp4"))
    assert str(destination.url) == "http://studio:8080/data/upload/1/a.mp4"
    assert (destination.ip, destination.with_token) == ("10.0.0.5", True)


@pytest.mark.parametrize(
    "address",
    [
        "http://studio:8080/static/a.mp4",
        "http://studio:8080/api/users",
        "http://studio:8080/data/../api/users",
        "http://studio:8080/data/%2e%2e/api/users",
        "http://studio:8080/data/%252e%252e/api/users",
    ],
)
def test_only_media_paths_get_the_token(address: str) -> None:
    assert not policy().destination(parse_url(address)).with_token


def test_a_named_origin_may_be_fetched_without_the_token() -> None:
    destination = policy("https://media.example.org").destination(parse_url("https://media.example.org/data/v.mp4"))
    assert (destination.ip, destination.with_token) == ("93.184.216.34", False)


@pytest.mark.parametrize(
    "address",
    [
        "https://studio:8080/data/a",
        "http://studio/data/a",
        "http://studio.:9090/data/a",
        "http://media.example.org/v.mp4",
        "https://media.example.org:444/v.mp4",
        "https://media.example.org.evil.example/v.mp4",
    ],
)
def test_an_origin_is_its_scheme_host_and_port(address: str) -> None:
    with pytest.raises(NotAllowed, match="add it to MASKLET_MEDIA_HOSTS"):
        policy("https://media.example.org").destination(parse_url(address))


@pytest.mark.parametrize(
    "address",
    [
        "http://rebound.example.org/v",
        "http://meta.example.org/latest/meta-data",
        "http://mapped.example.org/v",
        "http://nat64.example.org/v",
        "http://sixtofour.example.org/v",
        "http://2130706433/v",
        "http://127.0.0.1/v",
        "http://[::1]/v",
        "http://[::ffff:127.0.0.1]/v",
        "http://[fe80::1]/v",
        "http://0.0.0.0/v",
    ],
)
def test_any_public_origin_means_public_addresses_only(address: str) -> None:
    with pytest.raises(NotAllowed, match="reserved network address"):
        policy("*").destination(parse_url(address))


def test_any_public_origin_lets_a_public_one_through() -> None:
    assert policy("*").destination(parse_url("http://public.example.org/v")).ip == "93.184.216.35"


def test_cloud_metadata_is_refused_even_if_named() -> None:
    with pytest.raises(NotAllowed, match="reserved network address 169.254.169.254"):
        policy("http://meta.example.org").destination(parse_url("http://meta.example.org/latest"))


def test_an_unknown_host_is_unreachable() -> None:
    with pytest.raises(MediaUnreachable, match="is not known"):
        policy("http://gone.example.org").destination(parse_url("http://gone.example.org/v"))


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("file:///etc/passwd", "http and https addresses only, not from 'file'"),
        ("gopher://h/1", "not from 'gopher'"),
        ("concat:a|b", "not from 'concat'"),
        ("s3://bucket/v.mp4", "not from 's3'"),
        ("v.mp4", "not from 'a bare name'"),
        ("//evil.example/v.mp4", "not from 'a bare name'"),
        ("http:///v.mp4", "no host"),
        ("http://h:0/v", "no host, or no valid port"),
        ("http://user:pass@studio:8080/data/v", "user name or password"),
        ("http://studio:8080\\@evil.example/v", "user name or password"),
        ("http://h/\x00", "not a web address"),
    ],
)
def test_an_address_that_is_not_plain_web_is_refused(address: str, message: str) -> None:
    with pytest.raises(NotAllowed, match=message):
        policy("*").absolute(address)


@pytest.mark.parametrize(
    ("address", "absolute"),
    [
        ("/data/local-files/?d=a/b.mp4", "https://h/ls/data/local-files/?d=a/b.mp4"),
        ("/ls/data/upload/a.mp4", "https://h/ls/data/upload/a.mp4"),
    ],
)
def test_relative_addresses_are_below_label_studios_own(address: str, absolute: str) -> None:
    assert str(policy(url="https://h/ls/").absolute(address)) == absolute


def test_origins_print_as_they_are_written() -> None:
    assert str(Origin.of(parse_url("https://H.example.org./x"))) == "https://h.example.org:443"
    assert str(Origin.of(parse_url("http://[::1]:8080/x"))) == "http://[::1]:8080"
