"""Environment variables -> one frozen Settings object."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from cams_qr.query import normalise_phone_number

_HOST = r"^[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?$"
_ORIGIN = r"^(\*|https?://[^\s/,]+)$"
_HEADER = r"^[A-Za-z0-9-]{1,64}$"
_CUST_SPACE_ID = r"^[A-Za-z0-9_-]{1,64}$"
_LOOPBACK = {"localhost", "127.0.0.1"}


class SettingsError(ValueError):
    """An environment variable is wrong; the message names it and the rule, never its value."""


def _split(value: Any) -> Any:
    return (
        frozenset(part for part in (p.strip() for p in value.split(",")) if part) if isinstance(value, str) else value
    )


def _split_numbers(value: Any) -> Any:
    return frozenset(normalise_phone_number(number) for number in _split(value))


class Settings(BaseModel):
    """How this deployment behaves. Each field is the environment variable of the same name in upper case."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, validate_by_name=True)

    cams_endpoint: Annotated[str, Field(pattern=_HOST)] = "cams.ap-southeast-1.aliyuncs.com"
    cams_protocol: Literal["HTTPS", "HTTP"] = "HTTPS"
    cams_qps: Annotated[int, Field(ge=1, le=10_000)] = 5
    cams_max_wait_seconds: Annotated[float, Field(ge=0, le=600, allow_inf_nan=False)] = 2.0
    max_instances: Annotated[int, Field(ge=1, le=10_000)] = 1
    redis_url: Annotated[str, Field(pattern=r"^rediss?://[^\s]+$")] | None = None
    cache_ttl_seconds: Annotated[int, Field(ge=0, le=300)] = 60
    cache_stale_seconds: Annotated[int, Field(ge=0, le=86_400)] = 600
    allowed_phone_numbers: Annotated[frozenset[str], BeforeValidator(_split_numbers)] = frozenset()
    allowed_cust_space_ids: Annotated[
        frozenset[Annotated[str, Field(pattern=_CUST_SPACE_ID)]], BeforeValidator(_split)
    ] = frozenset()
    cust_space_header: Annotated[str, Field(pattern=_HEADER)] | None = None
    allowed_origins: Annotated[frozenset[Annotated[str, Field(pattern=_ORIGIN)]], BeforeValidator(_split)] = frozenset()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @model_validator(mode="after")
    def _credentials_stay_encrypted(self) -> "Settings":
        if self.cams_protocol == "HTTP" and self.cams_endpoint.partition(":")[0] not in _LOOPBACK:
            raise ValueError("CAMS_PROTOCOL: HTTP is only for an endpoint on localhost or 127.0.0.1; use HTTPS")
        return self


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as unset.

    Raises SettingsError with a sentence that names the variable.
    """
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
