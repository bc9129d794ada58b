"""The function: which WhatsApp QR codes does this business number have?

`index.py` starts an instance and invokes it. The function never knows what deploys, serves or tests it.
"""

__version__ = "1.0.0"
