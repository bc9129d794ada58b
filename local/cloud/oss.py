"""The OSS operations that a deployment calls; signatures are really verified.

Sources: "Include V4 signatures in the Authorization header"; the error codes of OSS.
"""

import base64
import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from uuid import uuid4

from aiohttp import web
from alibabacloud_oss_v2.crc import Crc64

from local.cloud import rights
from local.sandbox import DEMO_KEY, DEMO_KEY_ID

if TYPE_CHECKING:
    from local.cloud import Cloud

_AUTHORIZATION = re.compile(r"OSS4-HMAC-SHA256 Credential=([^/]+)/(\d{8}/[^/]+/oss/aliyun_v4_request),Signature=(\w+)")
_ELSEWHERE = "The bucket you are attempting to access must be addressed using the specified endpoint."


def answer(cloud: "Cloud", request: web.Request, body: bytes) -> web.Response:
    """The answer to a request for an object, or for a part of an upload."""
    if not _is_signed(request):
        return _refusal(403, "SignatureDoesNotMatch")
    bucket, key = request.match_info["bucket"], request.match_info["key"]
    refusal = _bucket_refusal(cloud, bucket, key, request.method)
    if refusal:
        return refusal
    if "uploadId" in request.query:
        return _refusal(404, "NoSuchUpload")
    return _object(cloud, request.method, f"{bucket}/{key}", body)


def _bucket_refusal(cloud: "Cloud", bucket: str, key: str, method: str) -> web.Response | None:
    if "oss" not in cloud.account.activated:
        return _refusal(403, "UserDisable")
    region = cloud.account.buckets.get(bucket)
    if region is None:
        return _refusal(404, "NoSuchBucket")
    if region != cloud.account.region:
        return _refusal(403, "AccessDenied", _ELSEWHERE, f"<Endpoint>oss-{region}.aliyuncs.com</Endpoint>")
    action = "oss:PutObject" if method == "PUT" else "oss:GetObject"
    if rights.lacking(cloud.account, action, object=f"{bucket}/{key}"):
        return _refusal(403, "AccessDenied", "You have no right to access this object because of bucket acl.")
    return None


def _object(cloud: "Cloud", method: str, name: str, body: bytes) -> web.Response:
    if method == "PUT":
        cloud.objects[name] = body
        cloud.sent.append(name)
        return web.Response(headers={"x-oss-request-id": str(uuid4())})
    if name not in cloud.objects:
        return _refusal(403, "AccessDenied") if cloud.hides_objects else _refusal(404, "NoSuchKey")
    content = cloud.objects[name]
    return web.Response(
        headers={"x-oss-request-id": str(uuid4()), "x-oss-hash-crc64ecma": crc64(content)}, body=content
    )


def crc64(content: bytes) -> str:
    """The CRC-64 (ECMA) that OSS and Function Compute calculate, in decimal."""
    crc = Crc64(0)
    crc.update(content)
    return str(crc.sum64())


def _is_signed(request: web.Request) -> bool:
    match = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    if not match or match[1] != DEMO_KEY_ID or request.headers.get("x-oss-security-token") != DEMO_KEY.token:
        return False
    scope = match[2]
    signed = {n.lower(): v.strip() for n, v in request.headers.items() if _is_in_signature(n.lower())}
    headers = "".join(f"{name}:{value}\n" for name, value in sorted(signed.items()))
    query = "&".join(sorted(part.removesuffix("=") for part in request.rel_url.raw_query_string.split("&")))
    canonical = f"{request.method}\n{request.path}\n{query}\n{headers}\n\nUNSIGNED-PAYLOAD"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"OSS4-HMAC-SHA256\n{request.headers.get('x-oss-date')}\n{scope}\n{hashed}"
    key = f"aliyun_v4{DEMO_KEY.secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), match[3])


def _is_in_signature(header: str) -> bool:
    return header.startswith("x-oss-") or header in ("content-type", "content-md5")


def _refusal(status: int, code: str, message: str = "", more: str = "") -> web.Response:
    error = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{message or code}</Message>{more}</Error>"
    # The answer to a HEAD request has no body; the header holds the error instead.
    headers = {"x-oss-err": base64.b64encode(error.encode()).decode()}
    return web.Response(status=status, headers=headers, text=error, content_type="application/xml")
