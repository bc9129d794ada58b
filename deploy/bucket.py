"""The package in OSS, named after its runtime, version and SHA-256: uploaded unless it is there, and never used unread.

Whoever may write to the bucket can put another object under that name, which anybody can work out.
"""

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

import alibabacloud_oss_v2 as oss
from alibabacloud_oss_v2.crc import Crc64

from cams_qr import __version__
from deploy.package import content_hash

_NAME = re.compile(r"(?:.*/)?(python3\.[0-9]+)-[^/]*?([0-9a-f]{64})\.zip")


class Changed(Exception):
    """An object in the bucket is not what its name says; the message says so, and what to do."""


class Package(NamedTuple):
    """A package in the bucket: its name there, and its CRC-64 (ECMA) in decimal, which Function Compute compares.

    Source: alibabacloud-fc20230330, InputCodeLocation. That is the CRC of xz and of x-oss-hash-crc64ecma. It catches
    what changes after it was read here, but no forger: a CRC can be made to fit.
    """

    name: str
    checksum: str


def upload(client: oss.Client, bucket: str, file: Path, runtime: str) -> Package:
    """Upload the package unless it is there. Raises oss.exceptions.OperationError; Changed if another is there."""
    name = f"cams-qr/{runtime}-{__version__}-{content_hash(file)}.zip"
    try:
        return find(client, bucket, name)
    except oss.exceptions.OperationError as error:
        # To a caller without oss:ListObjects, OSS may answer 403 for what is not there: S3 does; no page of OSS says.
        if getattr(error.unwrap(), "status_code", None) not in (403, 404):
            raise
    client.put_object_from_file(oss.PutObjectRequest(bucket=bucket, key=name), str(file))
    crc = Crc64(0)
    crc.update(file.read_bytes())
    return Package(name, str(crc.sum64()))


def find(client: oss.Client, bucket: str, name: str) -> Package:
    """Read a package that is there. Raises oss.exceptions.OperationError; Changed if its SHA-256 is not its name's."""
    sha, crc = hashlib.sha256(), Crc64(0)
    with client.get_object(oss.GetObjectRequest(bucket=bucket, key=name)).body as body:
        for block in body.iter_bytes():
            sha.update(block)
            crc.update(block)
    if not (named := _NAME.fullmatch(name)) or named[2] != sha.hexdigest():
        raise Changed(
            f"{bucket}/{name} is not the package of that name: its SHA-256 is {sha.hexdigest()}. "
            "Find out who can write to the bucket, delete the object, and deploy again"
        )
    return Package(name, str(crc.sum64()))


def runtime_of(name: str) -> str | None:
    """The runtime in a package's name; None if it is not a package's name."""
    found = _NAME.fullmatch(name)
    return found and found[1]
