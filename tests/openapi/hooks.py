"""What schemathesis must know to make good requests from openapi.json, beside the schemas.

JSON Schema counts characters and the gateway counts bytes of UTF-8; and what a merchant's account allows (its
currencies) or when (days, time zones) is no schema's. For each `format` of openapi.json there is a strategy here that
makes texts which every merchant of the sandbox may send.
"""

import datetime

import schemathesis
from hypothesis import strategies as st

# `&` separates the values that WeChat signs.
TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn"], exclude_characters="&"), min_size=1, max_size=4)
DAYS = st.dates(datetime.date(2024, 1, 1), datetime.date(2026, 12, 31))
URLS = st.from_regex(r"https://[a-z]{1,8}\.example\.com(/[a-z0-9]{0,8})?", fullmatch=True)

FORMATS = {
    "text": TEXT,
    "url": URLS,
    "origin": st.from_regex(r"https://[a-z]{1,8}\.example\.com", fullmatch=True),
    "currency": st.sampled_from(["HKD", "CNY"]),
    "day": DAYS.map(lambda day: day.strftime("%Y%m%d")),
    "openid": st.from_regex(r"o[0-9A-Za-z_-]{27}", fullmatch=True),
    "refund-number": st.from_regex(r"[0-9A-Za-z_|*@-]{1,32}", fullmatch=True),
    "weixin-url": st.from_regex(r"weixin://wxpay/bizpayurl\?pr=[0-9A-Za-z]{7}", fullmatch=True),
    "time-zone": st.sampled_from(["Asia/Shanghai", "Asia/Hong_Kong", "UTC"]),
    "wechat-api-key": st.from_regex(r"[0-9A-Za-z]{32}", fullmatch=True),
    # A cursor is made by the gateway, and a key pair by WeChat: none can be made up, and each may be left out.
    "cursor": st.just(""),
    "pem": st.just(""),
    "with-private-key": st.just(""),
    "with-public-key": st.just(""),
}
for name, strategy in FORMATS.items():
    schemathesis.openapi.format(name, strategy)


def is_sendable(value):
    """Whether the gateway may take a value that its schema allows: it takes no number with a fraction (2.0), which JSON
    Schema calls an integer, and in API v2 at most 32 characters as `out_refund_no`."""
    if isinstance(value, dict):
        number = value.get("out_refund_no")
        return all(map(is_sendable, value.values())) and not (isinstance(number, str) and len(number) > 32)
    if isinstance(value, list):
        return all(map(is_sendable, value))
    return not isinstance(value, float)


@schemathesis.hook
def filter_case(context, case):
    # The merchant whose keys are used stays as it is.
    if case.method != "GET" and case.path.startswith("/admin/merchants/{id}") and case.path_parameters.get("id") == "demo":
        return False
    meta = case.meta
    is_good = meta is None or meta.generation.mode == schemathesis.GenerationMode.POSITIVE
    return not is_good or is_sendable(case.body)
