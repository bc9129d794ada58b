"""Which WhatsApp QR codes does this business number have?"""
