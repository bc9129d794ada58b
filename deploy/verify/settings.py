"""Checks what `make deploy` and the template set up around the function: its settings, and alerts."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from deploy import settings, sls
from deploy.parameters import TEMPLATE, value
from deploy.table import fine, unknown, wrong
from deploy.verify.rows import Check, Row, Target

_ALERT = "ALIYUN::SLS::Alert"
# Where to correct an alert: the stack's own record is right, so a deployment would change nothing.
_ALERTS_PAGE = "https://sls.console.alibabacloud.com/"


def _as_wanted(setting_of: Callable[[Mapping[str, str]], settings.Setting]) -> Check:
    """The setting, which ROS does not keep, is what the parameters say."""

    def check(target: Target) -> Iterator[Row]:
        setting = setting_of(target.parameters)
        found = setting.found(target.account)
        if settings.differs(setting.wanted, found):
            told = json.dumps({name: found.get(name) for name in setting.wanted})
            fix = setting.command(found, target.account.region)
            yield wrong(setting.name, f"{told}, not {json.dumps(setting.wanted)}", fix)
        else:
            yield fine(setting.name, "as the parameters say")

    return check


concurrency = _as_wanted(settings.concurrency)
asynchronous = _as_wanted(settings.asynchronous)
vpc = _as_wanted(settings.vpc)


def alerts(target: Target) -> Iterator[Row]:
    """Each of the stack's alerts exists, is on, and matches the template."""
    made = [name for name, kind in target.stacks.resources(target.stack) if kind == _ALERT]
    if not made:
        yield unknown("alerts", "the stack has none", "make deploy … PARAMETERS=…   # with AlertActionPolicy")
        return
    names = dict(target.parameters) | {"ALIYUN::Region": target.account.region}
    wrongs = {name: list(_wrongs(target, value(TEMPLATE["Resources"][name]["Properties"], names))) for name in made}
    found = [f"{name}: {', '.join(differences)}" for name, differences in wrongs.items() if differences]
    if found:
        fix = f"{_ALERTS_PAGE}   # correct it there; a deployment would change nothing"
        yield wrong("alerts", "; ".join(found), fix)
    else:
        yield fine("alerts", f"{len(made)} are on, as the template says")


def _wrongs(target: Target, wanted: Any) -> Iterator[str]:
    detail = wanted["Detail"]
    try:
        rule = sls.alert(target.account.region, target.outputs["LogProject"], detail["Name"])
    except sls.SlsError as error:
        if error.code != "JobNotExist":
            raise
        yield "not there"
        return
    if rule.get("status", "ENABLED") != "ENABLED":
        yield "off"
    configuration = detail["Configuration"]
    (query,) = configuration["QueryList"]
    (found,) = rule["configuration"]["queryList"]
    yield from _differences({part: query[part] for part in ("Query", "Start", "End")}, _titled(found))
    parts = {part: configuration[part] for part in ("Threshold", "SeverityConfigurations", "PolicyConfiguration")}
    yield from _differences(parts | {"Schedule": detail["Schedule"]}, _titled(rule["configuration"] | rule))


def _titled(found: Any) -> Any:
    """Convert names to ROS's spelling: the service starts them in lower case."""
    if isinstance(found, dict):
        return {name[:1].upper() + name[1:]: _titled(part) for name, part in found.items()}
    return [_titled(item) for item in found] if isinstance(found, list) else found


def _differences(wanted: Any, found: Any, name: str = "") -> Iterator[str]:
    """How what was found differs from what is wanted; parts that are only in what was found do not count."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, part in wanted.items():
            yield from _differences(part, found.get(key), key)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for part, other in zip(wanted, found, strict=True):
            yield from _differences(part, other, name)
    elif str(wanted) != ("" if found is None else str(found)):
        yield f"{name} is {found}, not {wanted}"
