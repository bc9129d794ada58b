"""Reads the environment variables into one frozen Settings object."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cams_qr.origins import normalise_origin
from cams_qr.query import normalise_phone_number

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"^{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?$"
_HEADER = r"^[A-Za-z0-9-]{1,64}$"
_CUST_SPACE_ID = r"^[A-Za-z0-9_-]{1,64}$"
_LOOPBACK = {"localhost", "127.0.0.1"}


class SettingsError(ValueError):
    """An environment variable is invalid. The message names it and the rule, never its value."""


def _split(value: str | frozenset[str]) -> frozenset[str]:
    if not isinstance(value, str):
        return value
    items = frozenset(part for part in (p.strip() for p in value.split(",")) if part)
    # An empty allow-list would allow everything.
    if not items:
        raise ValueError("has no items; give a comma-separated list, or leave the variable unset")
    return items


def _split_numbers(value: str | frozenset[str]) -> frozenset[str]:
    return frozenset(normalise_phone_number(number) for number in _split(value))


def _split_origins(value: str | frozenset[str]) -> frozenset[str]:
    return frozenset("*" if origin == "*" else normalise_origin(origin) for origin in _split(value))


def _endpoint(value: str) -> str:
    port = value.partition(":")[2]
    if port and not 1 <= int(port) <= 65535:
        raise ValueError("the port must be between 1 and 65535")
    return value


def _redis_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = parts.hostname and parts.port != 0 and re.fullmatch("/?[0-9]*", parts.path)
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise ValueError("must be redis[s]://[user:password@]host[:port][/database], with the password percent-encoded")
    return value


class Settings(BaseModel):
    """How this deployment behaves. Each field is the environment variable of the same name in upper case."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, validate_by_name=True)

    cams_endpoint: Annotated[str, Field(max_length=253, pattern=_HOST), AfterValidator(_endpoint)] = (
        "cams.ap-southeast-1.aliyuncs.com"
    )
    cams_protocol: Literal["HTTPS", "HTTP"] = "HTTPS"
    cams_qps: Annotated[int, Field(ge=1, le=10_000)] = 5
    cams_max_wait_seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 2.0
    max_instances: Annotated[int, Field(ge=1, le=10_000)] = 1
    redis_url: Annotated[str, Field(pattern=r"^rediss?://[^\s]+$"), AfterValidator(_redis_url)] | None = None
    redis_ca_file: Annotated[str, Field(pattern="^/")] | None = None
    cache_ttl_seconds: Annotated[int, Field(ge=0, le=300)] = 60
    cache_stale_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600
    allowed_phone_numbers: Annotated[frozenset[str], BeforeValidator(_split_numbers)] = frozenset()
    allowed_cust_space_ids: Annotated[
        frozenset[Annotated[str, Field(pattern=_CUST_SPACE_ID)]], BeforeValidator(_split)
    ] = frozenset()
    cust_space_header: Annotated[str, Field(pattern=_HEADER)] | None = None
    allowed_origins: Annotated[frozenset[str], BeforeValidator(_split_origins)] = frozenset()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _credentials_stay_encrypted(self) -> "Settings":
        if self.cams_protocol == "HTTP" and self.cams_endpoint.partition(":")[0] not in _LOOPBACK:
            raise ValueError("CAMS_PROTOCOL: HTTP is only for an endpoint on localhost or 127.0.0.1; use HTTPS")
        return self

    @model_validator(mode="after")
    def _a_ca_needs_tls(self) -> "Settings":
        if self.redis_ca_file is not None and not (self.redis_url or "").startswith("rediss://"):
            raise ValueError("REDIS_CA_FILE: is only for a REDIS_URL that begins with rediss://")
        return self

    @model_validator(mode="after")
    def _instances_can_share_the_quota(self) -> "Settings":
        if self.redis_url is None and self.max_instances > self.cams_qps:
            raise ValueError(
                "MAX_INSTANCES: without Redis, at most CAMS_QPS instances can share the quota; set REDIS_URL, "
                "lower MAX_INSTANCES to CAMS_QPS, or have the quota raised and raise CAMS_QPS with it"
            )
        return self


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as unset. Raises SettingsError, which names the variable."""
    known = {name.upper() for name in Settings.model_fields}
    try:
        return Settings.model_validate({name: value for name, value in environ.items() if name in known and value})
    except ValidationError as error:
        raise SettingsError(
            "; ".join(_sentence(e["loc"], e["msg"]) for e in error.errors(include_input=False))
        ) from None


def _sentence(loc: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    return f"{loc[0]}: {message}" if loc else message
