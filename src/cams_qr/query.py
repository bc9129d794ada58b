"""The domain: the query (QrQuery) and its result (QrCode, QrCodeList)."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cams_qr.problems import FieldError, Problem

PHONE_NUMBER_RULE = "give the country code and number in 7 to 15 digits 0-9, for example +86 138-0000-1234"
CUST_SPACE_ID_RULE = "give 1 to 64 of the characters A-Z a-z 0-9 _ - or leave it out"

_CANONICAL = {
    "phoneNumber": "phoneNumber",
    "PhoneNumber": "phoneNumber",
    "custSpaceId": "custSpaceId",
    "CustSpaceId": "custSpaceId",
}
QUERY_FIELDS = frozenset(_CANONICAL)
# Meta allows 2,000 for a number. Source: "QR codes" of the WhatsApp Business Platform.
MAX_CODES = 10_000
# Six fields each, and what their texts contain of the characters that are counted: in 2,000 messages, every other one.
_MAX_VALUES = 15 * MAX_CODES
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
_SEPARATORS = str.maketrans("", "", " -.()")
_MAX_ERRORS = 10
# A caller's name for a field may be anything, even a phone number with what belongs to it.
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_MAX_DIGITS_IN_NAME = 6


def normalise_phone_number(text: str) -> str:
    """Convert a number in a common notation to CAMS's form: 7 to 15 ASCII digits, no `+`, no leading 0.

    Raises ValueError, which says how to fix it. Source: ListPhoneMessageQrdl, `PhoneNumber`.
    """
    if "," in text:
        raise ValueError(f"give one number only; {PHONE_NUMBER_RULE}")
    digits = text.translate(_SEPARATORS).removeprefix("+")
    if digits.startswith("0"):
        raise ValueError(f"start with the country code, without a leading 0; {PHONE_NUMBER_RULE}")
    if not _DIGITS.fullmatch(digits):
        raise ValueError(PHONE_NUMBER_RULE)
    return digits


def mask_phone_number(number: str) -> str:
    """The number as logs show it: `861********34`."""
    shown = 3 if len(number) >= 10 else 0
    return number[:shown] + "*" * (len(number) - shown - 2) + number[-2:]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        extra="forbid",
        json_schema_serialization_defaults_required=True,
    )


# The pattern, for readers of the schema, matches what normalise_phone_number accepts.
_PHONE_NUMBER = Field(
    max_length=64,
    description="country code and number; spaces, dots, hyphens and parentheses are ignored",
    examples=["+86 138-0000-1234"],
    json_schema_extra={"pattern": r"^[ .()-]*\+?[ .()-]*[1-9]([ .()-]*[0-9]){6,14}[ .()-]*$"},
)


class QrQuery(_Model):
    """The query: one business phone number, optionally in one customer space."""

    phone_number: Annotated[str, _PHONE_NUMBER, AfterValidator(normalise_phone_number)]
    cust_space_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")] | None = None


class QrCode(_Model):
    """One WhatsApp QR code. What CAMS left out is null."""

    code: str | None = None
    phone_number: str | None = None
    prefilled_message: str | None = None
    deep_link_url: str | None = None
    image_url: str | None = None
    image_format: str | None = None
    svg_url: str | None = Field(None, description="this code, drawn by this function; relative to the request's URL")


class QrCodeList(_Model):
    """The result: every QR code that CAMS listed for the number, and when."""

    phone_number: str
    cust_space_id: str | None
    qr_codes: tuple[QrCode, ...]
    request_id: str | None = Field(description="CAMS's request ID")
    fetched_at: str = Field(description="UTC, ISO 8601, whole seconds")
    stale: bool = False


def is_quick_to_parse(text: bytes) -> bool:
    """Whether this JSON has no more values than MAX_CODES codes have: each follows a bracket or a comma of its own.

    Parsing 8 MiB of empty objects would take seconds, and 200 MB.
    """
    return sum(map(text.count, (b",", b"[", b"{"))) <= _MAX_VALUES


def parse_query(fields: Iterable[tuple[str, Any]]) -> QrQuery:
    """Make a QrQuery of names and values; the API's own spellings are accepted, unknown fields are not.

    Raises Problem `invalid_request`, which names each invalid field and its fix. A field may be given only once.
    """
    renamed: dict[str, Any] = {}
    unknown = 0
    for name, value in fields:
        canonical = _CANONICAL.get(name)
        if canonical is None:
            unknown += 1
            if unknown > _MAX_ERRORS:
                break
            canonical = printable_name(name)
        elif canonical in renamed:
            raise invalid_field(canonical, "is given twice; give it once")
        renamed[canonical] = value
    try:
        return QrQuery.model_validate(renamed, by_name=False, by_alias=True)
    except ValidationError as error:
        problem = _invalid(error)
    # Raised here, so that it does not reference pydantic's error, which cannot be garbage-collected in a cycle.
    raise problem


def invalid_field(field: str, message: str) -> Problem:
    """An `invalid_request` about one field."""
    return _invalid_request([FieldError(field, message)])


def printable_name(name: str) -> str:
    """A field's name from a caller, for a problem: itself if it is a plain identifier without a number, else `?`."""
    is_plain = _PLAIN_NAME.fullmatch(name) and sum(map(str.isdigit, name)) <= _MAX_DIGITS_IN_NAME
    return name if is_plain else "?"


def _invalid(error: ValidationError) -> Problem:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    return _invalid_request([FieldError(str(e["loc"][0]), _fix(str(e["loc"][0]), e["type"], e["msg"])) for e in errors])


def _invalid_request(errors: list[FieldError]) -> Problem:
    first = errors[0]
    return Problem("invalid_request", f"{first.field}: {first.message}.", errors=tuple(errors[:_MAX_ERRORS]))


def _fix(field: str, kind: str, message: str) -> str:
    rule = {"phoneNumber": PHONE_NUMBER_RULE, "custSpaceId": CUST_SPACE_ID_RULE}.get(field, "")
    if kind == "missing":
        return f"is required; {rule}"
    if kind == "extra_forbidden":
        return "is not a field of this request; the fields are phoneNumber and custSpaceId"
    if kind == "string_type":
        return f"must be a string in quotes; {rule}"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return rule
