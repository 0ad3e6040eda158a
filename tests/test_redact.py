"""What is taken out of a text, whatever else is wrong with the address that it stands in."""

from __future__ import annotations

import time

import pytest

from sweeps.spec.redact import HIDDEN, redacted, tells_password

ADDRESSES = [
    "http://me:{}@host/x",
    "http://me:{}/with/slashes@host",
    "https://{}@host/x",
    "http://host/?token={}",
    "http://host/?a=b&Access-Token={}&c=d",
    "http://host/#access_token={}",
    "http://host/?token[0]={}",
    "http//host:port?password={}",
    "?passwd={}",
    "postgresql://me@host/x?sslpassword={}&sslmode=require",
    "https://bucket.s3.amazonaws.com/x?X-Amz-Credential={}&X-Amz-Signature={}",
    "https://host/container?sv=2022&sig={}",
    "https://host/v1?key={}",
    "http://host/?next=http://me:{}@other/",
    "http://host/?next=http%3A%2F%2Fme%3A{}%40other%2F",
    "http://host/?next=http%3A%2F%2Fother%2F%3Ftoken%3D{}",
    "host=db user=me password={}",
]
SECRETS = ["hush", "hu'sh", "hush%26hush", "hush=", "hush;hush", "größe", "h" * 200, "hush,hush)hush"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("address", ADDRESSES)
def test_no_part_of_a_secret_is_shown_in_whatever_it_is_said(address: str, secret: str) -> None:
    whole = address.format(*[secret] * address.count("{}"))
    for said in (whole, f"no answer from {whole}", f"'{whole}' is away", f"({whole}), so", f'{{"uri": "{whole}"}}'):
        shown = redacted(said)
        assert HIDDEN in shown and redacted(shown) == shown
        for part in ("hu", "sh", "größ", "hhh"):
            if part in secret:
                assert part not in shown.replace("host", "").replace("sslmode", "").replace("/with/slashes", "")
    assert tells_password(whole) or address.startswith("https://{}@")


@pytest.mark.parametrize(
    "text",
    [
        "http://host:5000/path@x",
        "sqlite:////tmp/x.db",
        "s3://bucket/path",
        "key=value over the spec",
        "spec.yaml:12: limits.trial: is 2; a time such as 90s is allowed",
        "trials: 3 -> 5",
        "tokens=5",
        "http://host/?next=http%3A%2F%2Fother%3A80%2Fa%40b",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted(text) == text and not tells_password(text)


@pytest.mark.parametrize("piece", ["a", ":", "://a:", "%3A%2F%2Fa%3A", "token=", "https://", "?key"])
def test_a_long_text_takes_no_long_time(piece: str) -> None:
    """A traceback is up to 100,000 characters: ten times as much takes about ten times as long, not a hundred."""
    spent = []
    for size in (10_000, 100_000):
        text = piece * (size // len(piece))
        began = time.process_time()
        redacted(text)
        spent.append(time.process_time() - began)
    assert spent[1] < 2 or spent[1] < 40 * spent[0], spent
