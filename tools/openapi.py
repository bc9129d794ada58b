"""Make docs/openapi.json: the HTTP contract as OpenAPI."""

import json

from cams_qr.events.http.openapi import document

if __name__ == "__main__":
    print(json.dumps(document(), indent=2))
