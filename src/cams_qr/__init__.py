"""Which WhatsApp QR codes does this business number have?"""

__version__ = "1.0.0"
