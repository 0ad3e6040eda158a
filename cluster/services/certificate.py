"""A certificate of our own, for services that other machines reach."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cluster import private
from cluster.services.errors import ServiceError

DAYS, SOON = 730, 30


class Certificate(NamedTuple):
    """Texts in PEM. The key is a secret; the certificate, which signed itself, is what clients are given."""

    key: str
    certificate: str


def certificate(folder: Path, hosts: Sequence[str]) -> Certificate:
    """The certificate in ``folder`` for these names and addresses, made anew where it is for others, or ends soon.

    Raises:
        ServiceError: ``openssl`` is missing or fails.
    """
    key, public, about = folder / "key.pem", folder / "certificate.pem", folder / "hosts"
    wanted = ",".join(f"{'IP' if _is_address(host) else 'DNS'}:{host}" for host in hosts)
    if not public.exists() or private.read(about) != wanted or _ends_soon(public):
        made_key = _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout")
        private.replace(key, made_key)
        names = ["-subj", f"/CN={hosts[0][:64]}", "-addext", f"subjectAltName={wanted}"]
        private.replace(public, _openssl("req", "-x509", "-key", str(key), "-days", str(DAYS), *names))
        private.replace(about, wanted)  # last: without it all is made anew
    return Certificate(private.read(key), private.read(public))


def _ends_soon(public: Path) -> bool:
    command = ["openssl", "x509", "-noout", "-checkend", str(SOON * 86400), "-in", str(public)]
    return subprocess.run(command, capture_output=True).returncode != 0


def _openssl(*arguments: str) -> str:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise ServiceError(
            "host: TLS needs the program openssl, which is not installed; 127.0.0.1 is allowed"
        ) from None
    if done.returncode != 0:
        raise ServiceError(f"openssl {arguments[0]}: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
