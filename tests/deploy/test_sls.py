"""The signature for Simple Log Service, by the examples of "Request signatures"."""

from deploy.sls import signature


def test_the_official_example() -> None:
    headers = {
        "date": "Mon, 09 Nov 2015 06:11:16 GMT",
        "x-log-apiversion": "0.6.0",
        "x-log-signaturemethod": "hmac-sha1",
    }
    query = {"logstoreName": "", "offset": "0", "size": "1000"}
    signed = signature("4fdO2fTDDnZPU/L7CHNdemB2Nsk=", "GET", "/logstores", query, headers)
    assert signed == "jEYOTCJs2e88o+y5F4/S5IsnBJQ="
