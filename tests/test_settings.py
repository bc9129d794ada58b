"""Settings: defaults, limits, and a sentence that names the variable."""

import importlib
import subprocess
import sys

import certifi
import pytest

from cams_qr.settings import Settings, SettingsError, read_settings
from tests.conftest import CODE, Function


def test_defaults() -> None:
    assert read_settings({"PATH": "/bin", "CAMS_QPS": ""}) == Settings(
        cams_endpoint="cams.ap-southeast-1.aliyuncs.com",
        cams_protocol="HTTPS",
        cams_qps=5,
        cams_max_wait_seconds=2,
        max_instances=1,
        redis_url=None,
        redis_ca_file=None,
        cache_ttl_seconds=60,
        cache_stale_seconds=600,
        allowed_phone_numbers=frozenset(),
        allowed_cust_space_ids=frozenset(),
        cust_space_header=None,
        allowed_origins=frozenset(),
        log_level="INFO",
    )


def test_lists_are_split_and_numbers_normalised() -> None:
    settings = read_settings({"ALLOWED_PHONE_NUMBERS": "+86 138-0000-1234, 6281200001234,"})
    assert settings.allowed_phone_numbers == {"8613800001234", "6281200001234"}


BAD_VALUES = {
    "CAMS_ENDPOINT": [
        *("https://cams.ap-southeast-1.aliyuncs.com", "cams.example.com/path", "cams.example.com\n", "..."),
        *("cams.example.com:99999", "cams.example.com:0", ".example.com"),
    ],
    "CAMS_PROTOCOL": ["http", "HTTP"],
    "CAMS_QPS": ["0", "five", "2.5"],
    "CAMS_MAX_WAIT_SECONDS": ["-1", "nan"],
    "MAX_INSTANCES": ["0"],
    "ALLOWED_PHONE_NUMBERS": ["8613800001234,secret", ","],
    "ALLOWED_CUST_SPACE_IDS": ["cams-1,a b", " "],
    "ALLOWED_ORIGINS": [" , "],
    "CUST_SPACE_HEADER": ["X Cust"],
    "LOG_LEVEL": ["verbose"],
    "REDIS_URL": [
        *("secret@host:6379", "http://:secret@host:6379", "redis://:secret/word@host:6379/0", "redis://:secret@"),
        *("redis://:secret@host:6379/zero", "redis://:secret@host:99999"),
        "redis://:secret@host:6379/0?socket_timeout=60",
    ],
    "REDIS_CA_FILE": ["secret.pem"],
    "CACHE_TTL_SECONDS": ["301", "-1"],
    "CACHE_STALE_SECONDS": ["-1"],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD_VALUES.items() for value in values])
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        read_settings({name: value})
    assert "secret" not in str(refused.value)


def test_a_ca_for_redis_needs_tls() -> None:
    settings = {"REDIS_CA_FILE": certifi.where(), "REDIS_URL": "rediss://localhost"}
    assert read_settings(settings).redis_ca_file == certifi.where()
    for url in ("", "redis://localhost"):
        with pytest.raises(SettingsError, match="REDIS_CA_FILE: is only for a REDIS_URL that begins with rediss://"):
            read_settings(settings | {"REDIS_URL": url})


# What is told -> what was written.
BAD_ORIGINS = {
    "https://shop.example.com": [
        *("secret.example.com", "//secret.example.com", "htps://secret.example.com", "https://", "https:///secret"),
        *("null", "https://secret@shop.example.com", "https://secret.example.com\\"),
        *("https://secret.example.com:https", "https://shop.example.com,secret.example.com"),
    ],
    "http://, https://, capacitor://, ionic://, tauri://": ["file://secret"],
    "separate several by commas": ["https://a.example.com https://secret.example.com"],
    "has no path and no query": [
        *("https://secret.example.com/shop", "https://secret.example.com//", "https://secret.example.com/?a=1"),
        *("https://secret.example.com?", "https://secret.example.com#"),
    ],
    "list each subdomain": ["https://*.secret.example.com", "https://*", "capacitor://*"],
    "punycode": ["https://secret..example.com", "https://secret☕.example.com", "https://secret!.example.com"],
    "an address": ["http://[1:2]"],
    "between 1 and 65535": ["https://secret.example.com:0", "https://secret.example.com:99999"],
}


@pytest.mark.parametrize(
    ("said", "origin"), [(said, origin) for said, origins in BAD_ORIGINS.items() for origin in origins]
)
def test_a_bad_origin_is_refused_with_what_to_write(said: str, origin: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({"ALLOWED_ORIGINS": origin})
    assert str(refused.value).startswith("ALLOWED_ORIGINS: ")
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)


def test_origins_are_normalised() -> None:
    """All the cases are in tests/contract/test_origins.py."""
    settings = read_settings({"ALLOWED_ORIGINS": "HTTPS://Shop.Example.com:443/, *, https://shop.example.com"})
    assert settings.allowed_origins == {"https://shop.example.com", "*"}


@pytest.mark.parametrize(
    ("origin", "is_needed"), [("https://shop.example.com", False), ("https://bücher.example", True)]
)
def test_only_an_origin_in_another_script_takes_the_time_for_punycode(origin: str, is_needed: bool) -> None:
    script = "import sys; from cams_qr.settings import read_settings; read_settings({'ALLOWED_ORIGINS': sys.argv[1]}); "
    command = [sys.executable, "-c", script + "print('idna' in sys.modules)", origin]
    environment = {"PYTHONPATH": CODE, "PYTHONUTF8": "1"}
    assert subprocess.run(command, env=environment, capture_output=True, text=True).stdout == f"{is_needed}\n"


@pytest.mark.parametrize("endpoint", ["localhost:8001", "127.0.0.1", "127.0.0.1:80"])
def test_http_is_for_loopback(endpoint: str) -> None:
    assert read_settings({"CAMS_PROTOCOL": "HTTP", "CAMS_ENDPOINT": endpoint}).cams_endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["localhost.evil.net:80", "10.0.0.1", "127.0.0.2"])
def test_http_is_for_nothing_else(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="CAMS_PROTOCOL"):
        read_settings({"CAMS_PROTOCOL": "HTTP", "CAMS_ENDPOINT": endpoint})


@pytest.mark.parametrize(("instances", "qps"), [("6", "5"), ("6", ""), ("2", "1"), ("10000", "9999")])
def test_more_instances_than_calls_a_second_need_redis(instances: str, qps: str) -> None:
    settings = {"MAX_INSTANCES": instances, "CAMS_QPS": qps}
    with pytest.raises(SettingsError) as refused:
        read_settings(settings)
    assert all(name in str(refused.value) for name in ("MAX_INSTANCES", "CAMS_QPS", "REDIS_URL"))
    assert read_settings(settings | {"REDIS_URL": "redis://localhost"}).max_instances == int(instances)


@pytest.mark.parametrize(("instances", "qps"), [("5", ""), ("5", "5"), ("1", "1"), ("300", "1000")])
def test_up_to_as_many_instances_as_calls_a_second_need_none(instances: str, qps: str) -> None:
    assert read_settings({"MAX_INSTANCES": instances, "CAMS_QPS": qps}).max_instances == int(instances)


def test_too_many_instances_fail_the_initializer(function: Function) -> None:
    function.configure(CAMS_QPS="5", MAX_INSTANCES="6")
    with pytest.raises(ValueError, match="MAX_INSTANCES"):
        function.start().initialize(function.context())


def test_a_bad_setting_fails_the_initializer(function: Function) -> None:
    function.monkeypatch.setenv("CAMS_QPS", "many")
    sys.modules.pop("index", None)
    index = importlib.import_module("index")
    with pytest.raises(ValueError, match="CAMS_QPS"):
        index.initialize(function.context())
