"""An e-mail with a QR code: `python -m examples.email_code https://… 8613800001234 4O4YGZEG3RIVE1 > code.eml`.

Mail programs show no SVG, and cannot authenticate to the function, so the PNG is attached to the message.
"""

import sys
from email.message import EmailMessage
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from alibabacloud_credentials.client import Client as CredentialClient

from examples.answers import QrCode
from examples.ask_http import Caller, QrCodesFailed, with_signature

TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text())
PICTURE = "qr-code@cams-qr"


def compose(caller: Caller, phone_number: str, code: str) -> EmailMessage:
    """The message with one code, without a sender and recipient. Raises KeyError, QrCodesFailed."""
    found = _find(caller, phone_number, code)
    png = caller.draw(f"qr-codes/{quote(code)}.png?phoneNumber={quote(phone_number)}")
    link, said = found["deepLinkUrl"] or "", found["prefilledMessage"] or ""
    mail = EmailMessage()
    mail["Subject"] = "Your QR code"
    mail.set_content(f"Write to us on WhatsApp: {link}\n")
    mail.add_alternative(TEMPLATE.substitute(picture=PICTURE, message=escape(said), link=escape(link)), subtype="html")
    page = mail.get_payload()[1]  # type: ignore[index]
    page.add_related(png, "image", "png", cid=f"<{PICTURE}>", filename=f"{code}.png")  # type: ignore[union-attr]
    return mail


def _find(caller: Caller, phone_number: str, name: str) -> QrCode:
    answer = caller.list_codes(phoneNumber=phone_number)
    if "problem" in answer:
        raise QrCodesFailed(answer["problem"])
    return {code["code"]: code for code in answer["result"]["qrCodes"]}[name]


if __name__ == "__main__":
    endpoint, *asked = sys.argv[1:]
    sys.stdout.buffer.write(compose(Caller(endpoint, with_signature(CredentialClient())), *asked).as_bytes())
