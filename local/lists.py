"""The phone numbers of the sandbox's account, their QR codes, and the account's customer spaces.

Sources: "ListPhoneMessageQrdl" for the fields; WhatsApp's page "QR codes" for codes of 14 characters, the form of the
links, the host of the images, and at most 2,000 codes a number; wppconnect-team/wppconnect#1315 for the images' `oe`,
when they expire, as hexadecimal Unix time.
"""

import time
from typing import Any

# The host belongs to nobody; the real ones are scontent-….xx.fbcdn.net and scontent.….fna.fbcdn.net.
_IMAGES = "https://scontent-sin6-1.xx.fbcdn.example/m1/v/t6"
_IMAGES_EXPIRE = f"{int(time.time()) + 3600:X}"

SPACES = {None, "cams-8filvjc8snw", "293483938849493"}


def _item(number: str, code: str, message: str, image_format: str = "PNG") -> dict[str, Any]:
    return {
        "QrImageUrl": f"{_IMAGES}/{code}.{image_format.lower()}?oh=signature&oe={_IMAGES_EXPIRE}",
        "PhoneNumber": number,
        "QrdlCode": code,
        "DeepLinkUrl": f"https://wa.me/message/{code}",
        "GenerateQrImage": image_format,
        "PrefilledMessage": message,
    }


def _code(index: int) -> str:
    """A distinct code in the form of all published ones: 13 of A-Z and 2-7, which look random, then a 1."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    # Odd, so that no two products are the same.
    scrambled = (index + 1) * 0x9E3779B97F4A7C15F39D % 2**65
    digits = [alphabet[scrambled >> shift & 31] for shift in range(60, -1, -5)]
    return "".join(digits) + "1"


LISTS: dict[str, list[dict[str, Any]]] = {
    "8613800001234": [
        _item("8613800001234", "4O4YGZEG3RIVE1", "Hello, I would like to know more about your products."),
        _item("8613800001234", "WOMVT6TJ2BP7A1", "你好，我想预约 🗓️", "svg"),
    ],
    "6281200001234": [_item("6281200001234", "5QBPAD2DC6L5A1", "Halo, saya mau pesan <b>kopi</b> & roti")],
    "8613800000000": [],
    "8613800002000": [_item("8613800002000", _code(i), f"Table {i}, waiter please") for i in range(2000)],
    "8613800000007": [
        _item("8613800000007", "https://evil.example.com/x", "a code that is none"),
        _item("8613800000007", "A" * 500, "a link that is too long"),
    ],
    "8613800000009": [_item("86138000000****", "APDM5HUWH26SG1", "None")],
}
