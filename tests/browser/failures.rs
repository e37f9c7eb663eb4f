//! Every failure that a payer can meet, on screen: whose it is and what to do
//! (its heading and body), whether money was taken, a number to quote, and a way
//! out. In every language; in English and Chinese with pictures in each size and
//! both colour schemes.
//!
//! Where a failure needs an answer that the running gateway does not give on
//! request, the page receives that answer in place of the gateway's; which call is
//! answered with which code is tested in `memory/`.

use crate::browser::Browser;
use crate::hosted::{self, hosted};
use crate::visit;
use checkout::{Lang, Message, Problem, Texts, link, texts};
use serde_json::json;
use std::collections::BTreeSet;
use tests::live::{send, wait_for};

const WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/en";

/// Replaces answers of the gateway, and lets time pass: `refusal` is the code with
/// which an order is refused, `replaced` removes the attempt from each status,
/// `soon` lets a code expire after some seconds, and `ahead` is how far the page's
/// clock is moved, in milliseconds.
const ANSWERS: &str = "
    const fetched = window.fetch, now = performance.now.bind(performance);
    performance.now = () => now() + (window.ahead || 0);
    window.fetch = async (url, how) => {
        if (window.refusal && url.includes('/pay/order')) {
            const body = { status: 'fail', code: window.refusal, message: '' };
            return new Response(JSON.stringify(body), { status: 409 });
        }
        const answer = await fetched(url, how);
        if (window.soon && url.includes('/pay/order')) {
            const { qr } = await answer.json();
            return new Response(JSON.stringify({ qr: { ...qr, expires_at_ms: Date.now() + 6000 } }));
        }
        if (!window.replaced || !url.includes('/pay/status')) return answer;
        const { attempt, ...view } = await answer.json();
        return new Response(JSON.stringify(view));
    };";

/// Changes what the page starts with: each pair is a text and its replacement.
fn starts_with(payer: &Browser, changes: &[(&str, &str)]) {
    let changes = json!(changes);
    payer.runs_first(&format!(
        "document.addEventListener('readystatechange', () => {{
            const view = document.getElementById('view');
            for (const [from, to] of {changes}) {{
                if (view) view.textContent = view.textContent.replace(from, to);
            }}
        }}, {{ once: true }});"
    ));
}

/// The address in this language.
fn address_in(url: &str, lang: Lang) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}lang={}", lang.tag())
}

/// The sentences that say whether money was taken.
fn statements(texts: &Texts) -> [&'static str; 4] {
    [
        texts.not_charged,
        texts.perhaps_charged,
        texts.no_payment,
        texts.opening_is_free,
    ]
}

/// The page says all that a payer needs, and this about money; `None` where its
/// body says it. `number` is the number to quote.
fn is_complete(
    payer: &Browser,
    name: &str,
    lang: Lang,
    message: Message,
    money: Option<&str>,
    number: &str,
) {
    let texts = texts(lang);
    let tidy = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    payer.sees(&tidy(message.heading));
    payer.sees(&tidy(message.body));
    payer.sees(number);
    if let Some(money) = money {
        payer.sees(money);
    }
    let words = payer.words().unwrap();
    for statement in statements(texts) {
        let is_said = words.contains(&tidy(statement));
        assert_eq!(
            is_said,
            money == Some(statement),
            "{name}: {statement} {words}"
        );
    }
    let ways = [texts.back_to_merchant, texts.may_close, texts.close];
    assert!(
        ways.iter().any(|way| words.contains(way)),
        "{name}: no way out: {words}"
    );
    if lang != Lang::En {
        for english in [" the ", " you", "Please", "payment"] {
            assert!(!words.contains(english), "{name}: {words}");
        }
    }
    payer.pictured(name, lang);
}

/// The payer is Alice, in WeChat on a phone.
fn is_in_wechat(payer: &Browser) {
    payer.calls_itself(WECHAT);
    payer.has_a_window_of(390, 780);
    payer.has_the_phone_of("alice");
}

const LATIN_AND_CHINESE: [Lang; 3] = [Lang::En, Lang::ZhHans, Lang::ZhHant];

#[test]
fn every_refusal_of_an_order_is_complete() {
    visit(|system, payer| {
        is_in_wechat(payer);
        payer.runs_first(crate::BRIDGE);
        payer.runs_first(ANSWERS);
        let mut problems = BTreeSet::new();
        for code in [
            "SESSION_NOT_FOUND",
            "SESSION_EXPIRED",
            "OPENID_REQUIRED",
            "SIGN_IN_FAILED",
            "VIRTUAL_OPENID",
            "SIGN_IN_NOT_SET_UP",
            "RATE_LIMITED",
            "UPSTREAM_UNAVAILABLE",
            "UPSTREAM_REFUSED",
            "MERCHANT_SUSPENDED",
            "INTERNAL",
        ] {
            let problem = Problem::from_code(code);
            problems.insert(format!("{problem:?}"));
            for lang in Lang::ALL {
                let number = format!("F{}{}", code.replace('_', ""), lang.tag().replace('-', ""));
                let checkout = system.checkout_of(&json!({ "out_trade_no": number }));
                let texts = texts(lang);
                payer.opens(&address_in(&checkout, lang));
                payer.sees_control(texts.pay);
                payer.evaluates(&format!("window.refusal = '{code}'"));
                payer.taps(texts.pay);
                let money = match problem {
                    Problem::UnknownLink | Problem::ExpiredLink => texts.opening_is_free,
                    _ => texts.not_charged,
                };
                let name = format!("refused-{}", code.to_lowercase().replace('_', "-"));
                let message = texts.problem(problem);
                is_complete(payer, &name, lang, message, Some(money), &number);
            }
        }
        assert_eq!(problems.len(), 11, "every problem: {problems:?}");
        assert!(system.orders().is_empty());
    });
}

#[test]
fn every_failure_at_wechats_sheet_is_complete() {
    visit(|system, payer| {
        is_in_wechat(payer);
        payer.runs_first(crate::BRIDGE);
        payer.runs_first(ANSWERS);
        for lang in Lang::ALL {
            let texts = texts(lang);
            let number = format!("FSHEET{}", lang.tag().replace('-', ""));
            // A merchant without a page to go back to.
            let change = json!({ "out_trade_no": number, "cancel_url": null });
            payer.opens(&address_in(&system.checkout_of(&change), lang));
            payer.sees_control(texts.pay);
            payer.goes_offline();
            payer.taps(texts.pay);
            let not_charged = Some(texts.not_charged);
            is_complete(
                payer,
                "no-network",
                lang,
                texts.no_network,
                not_charged,
                &number,
            );
            payer.is_online_again();
            payer.taps(texts.pay);
            payer.waits_for("return calls.length === 1");
            payer.sees(texts.sheet_open.heading);
            payer.pictured("sheet-open", lang);
            payer.evaluates("window.ahead = 11000");
            payer.sees_control(texts.open_again);
            payer.pictured("sheet-slow", lang);
            payer.evaluates("answers(0, 'get_brand_wcpay_request:cancel')");
            is_complete(payer, "cancelled", lang, texts.cancelled, None, &number);
            // Now an order exists: nothing is said that is not certain.
            payer.evaluates("window.refusal = 'UPSTREAM_UNAVAILABLE'");
            payer.taps(texts.go_on_paying);
            let unknown = Some(texts.perhaps_charged);
            let message = texts.wechat_unavailable;
            is_complete(payer, "unavailable-later", lang, message, unknown, &number);
            payer.evaluates("window.refusal = ''");
            payer.taps(texts.pay_again);
            payer.waits_for("return calls.length === 2");
            payer.evaluates("answers(1, 'get_brand_wcpay_request:fail')");
            is_complete(payer, "failed", lang, texts.failed, unknown, &number);
            payer.taps(texts.pay_again);
            payer.waits_for("return calls.length === 3");
            system.wechat_falls_silent();
            payer.evaluates("answers(2, 'get_brand_wcpay_request:ok')");
            payer.sees(texts.confirming.heading);
            payer.pictured("confirming", lang);
            payer.evaluates("window.ahead = 60000");
            payer.sees(texts.confirming_slow.heading);
            payer.sees(&number);
            payer.pictured("confirming-slow", lang);
            system.wechat_speaks_again();
        }
    });
}

#[test]
fn a_missing_bridge_is_complete() {
    visit(|system, payer| {
        is_in_wechat(payer);
        for lang in LATIN_AND_CHINESE {
            let texts = texts(lang);
            let number = format!("FBRIDGE{}", lang.tag().replace('-', ""));
            let checkout = system.checkout_of(&json!({ "out_trade_no": number }));
            payer.opens(&address_in(&checkout, lang));
            payer.taps(texts.pay);
            let unknown = Some(texts.perhaps_charged);
            is_complete(
                payer,
                "bridge-missing",
                lang,
                texts.bridge_missing,
                unknown,
                &number,
            );
        }
    });
}

#[test]
fn every_failure_of_a_code_is_complete() {
    visit(|system, payer| {
        payer.runs_first(ANSWERS);
        payer.runs_first("window.soon = !location.search.includes('lasting')");
        for lang in Lang::ALL {
            let texts = texts(lang);
            let number = format!("FCODE{}", lang.tag().replace('-', ""));
            let checkout = system.checkout_of(&json!({ "out_trade_no": number }));
            payer.opens(&address_in(&checkout, lang));
            is_complete(
                payer,
                "code-expired",
                lang,
                texts.code_expired,
                None,
                &number,
            );
            payer.evaluates("window.soon = false");
            payer.taps(texts.new_code);
            payer.scans();
            payer.pictured("code", lang);
            payer.evaluates("window.replaced = true");
            // The page asks again when it is shown.
            payer.evaluates("document.dispatchEvent(new Event('visibilitychange'))");
            is_complete(
                payer,
                "code-replaced",
                lang,
                texts.code_replaced,
                None,
                &number,
            );

            payer.opens(&address_in(&format!("{checkout}&lasting=1"), lang));
            payer.scans();
            payer.goes_offline();
            payer.sees(texts.offline);
            payer.pictured("code-offline", lang);
            payer.is_online_again();
        }
    });
}

#[test]
fn every_end_without_a_payment_is_complete() {
    for (state, attempted) in [
        ("expired", false),
        ("expired", true),
        ("closed", false),
        ("closed", true),
        ("failed", true),
    ] {
        visit(|system, payer| {
            let to = format!("\"state\":\"{state}\"");
            let attempts = format!("\"attempted\":{attempted}");
            let changes = [
                ("\"state\":\"open\"", to.as_str()),
                ("\"attempted\":false", &attempts),
            ];
            starts_with(payer, &changes);
            for lang in Lang::ALL {
                let texts = texts(lang);
                let number = format!("FEND{state}{attempted}{}", lang.tag().replace('-', ""));
                let checkout = system.checkout_of(&json!({ "out_trade_no": number }));
                payer.opens(&address_in(&checkout, lang));
                let message = match state {
                    "expired" => texts.expired,
                    "closed" => texts.closed,
                    _ => texts.refused,
                };
                let money = match attempted {
                    true => texts.no_payment,
                    false => texts.not_charged,
                };
                let name = format!("{state}-{}", if attempted { "later" } else { "at-once" });
                is_complete(payer, &name, lang, message, Some(money), &number);
            }
        });
    }
}

#[test]
fn an_unpaid_return_from_wechats_page_is_complete() {
    visit(|system, payer| {
        const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
        let merchant = system.merchant("mobile", &json!({ "h5": true }));
        payer.calls_itself(SAFARI);
        for lang in Lang::ALL {
            let number = format!("FBACK{}", lang.tag().replace('-', ""));
            let change = json!({ "out_trade_no": number });
            let checkout = system.checkout_at(&merchant, &change);
            payer.opens(&address_in(&format!("{checkout}&back=1"), lang));
            let message = texts(lang).not_seen;
            is_complete(payer, "not-seen", lang, message, None, &number);
        }
    });
}

#[test]
fn every_page_without_a_purchase_is_complete() {
    for code in [
        "SESSION_NOT_FOUND",
        "SESSION_EXPIRED",
        "OPENID_REQUIRED",
        "SIGN_IN_FAILED",
        "SIGN_IN_NOT_SET_UP",
        "VIRTUAL_OPENID",
        "RATE_LIMITED",
        "UPSTREAM_UNAVAILABLE",
        "UPSTREAM_REFUSED",
        "MERCHANT_SUSPENDED",
        "INTERNAL",
    ] {
        visit(|system, payer| {
            payer.expects_in_the_console("404");
            starts_with(payer, &[("SESSION_NOT_FOUND", code)]);
            for lang in Lang::ALL {
                let texts = texts(lang);
                let unknown = format!("{}/pay/?s=demo.0123456789012345678901", system.gateway());
                payer.opens(&address_in(&unknown, lang));
                let message = texts.problem(Problem::from_code(code));
                let name = format!("no-purchase-{}", code.to_lowercase().replace('_', "-"));
                let money = Some(texts.opening_is_free);
                is_complete(payer, &name, lang, message, money, texts.reference);
            }
        });
    }
}

#[test]
fn every_end_of_a_link_is_complete() {
    visit(|system, payer| {
        for status in ["404", "409"] {
            payer.expects_in_the_console(status);
        }
        let with_a_shop = json!({ "total_fee": 8800, "active": false,
            "cancel_url": format!("{}/shop/", system.sandbox()) });
        let off = system.link(&with_a_shop);
        let over = system.link(&json!({ "total_fee": 8800, "expires_in_seconds": 1 }));
        wait_for("the link is over", || {
            let page = send("GET", over["url"].as_str().unwrap(), &[], "").text();
            page.contains("This link has expired").then_some(())
        });
        for lang in Lang::ALL {
            let texts = texts(lang);
            for (name, link, ended) in [
                ("link-off", &off, link::Ended::Off),
                ("link-over", &over, link::Ended::Expired),
            ] {
                payer.opens(&address_in(link["url"].as_str().unwrap(), lang));
                let id = link["id"].as_str().unwrap();
                let money = Some(texts.opening_is_free);
                is_complete(payer, name, lang, link::ended(ended, lang), money, id);
            }
            let unknown = format!("{}/pay/?l=demo.0123456789012345678901", system.gateway());
            payer.opens(&address_in(&unknown, lang));
            let money = Some(texts.opening_is_free);
            let message = texts.unknown_link;
            is_complete(payer, "link-unknown", lang, message, money, texts.reference);
        }
        assert!(system.orders().is_empty());
    });
}

#[test]
fn every_fault_of_another_host_is_complete() {
    visit(|system, payer| {
        payer.expects_in_the_console("Failed to load resource");
        payer.expects_in_the_console("blocked by CORS policy");
        payer.expects_in_the_console("net::ERR");
        let checkout = system.checkout();
        let (_, id) = checkout.split_once("s=").unwrap();
        let (id, _) = id.split_once('&').unwrap();
        let hosts = [
            ("host-unregistered", hosted::host(&system.gateway())),
            ("host-unreachable", hosted::host("http://127.0.0.1:9")),
            ("host-not-set", hosted::host("")),
        ];
        let empty = hosted::host(&system.gateway());
        // The other languages need the gateway.
        for lang in LATIN_AND_CHINESE {
            for (name, host) in &hosts {
                payer.opens(&address_in(&hosted(host, &checkout), lang));
                payer.sees(texts(lang).may_close);
                payer.sees(texts(lang).opening_is_free);
                payer.sees(&format!("{} {id}", texts(lang).reference));
                payer.pictured(name, lang);
            }
            payer.opens(&address_in(&empty.page(), lang));
            payer.sees(texts(lang).unknown_link.heading);
            payer.sees(texts(lang).opening_is_free);
            payer.pictured("host-no-purchase", lang);
        }
    });
}

#[test]
fn a_page_whose_program_is_missing_is_complete() {
    visit(|system, payer| {
        payer.expects_in_the_console("Failed to fetch");
        payer.cannot_load(&["*.wasm"]);
        for lang in Lang::ALL {
            let texts = texts(lang);
            let number = format!("FSLOW{}", lang.tag().replace('-', ""));
            let checkout = system.checkout_of(&json!({ "out_trade_no": number }));
            payer.opens(&address_in(&checkout, lang));
            for part in [
                texts.slow_page,
                texts.opening_is_free,
                texts.back_to_merchant,
                &number,
            ] {
                payer.sees(part);
            }
            payer.pictured("no-program", lang);
        }
    });
}
