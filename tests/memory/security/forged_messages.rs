//! Genuine notices, answers and sessions that an attacker modifies, encodes
//! differently, signs with a weaker type, or sends to another recipient.
//! `docs/threat-model.md` has the list.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use crate::fixtures::kind;
use crate::notice_fixture::{fixture, order, shop};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use testkit::demo::{Kind, MERCHANTS};
use tests::memory::{GATEWAY, Memory, Shop, Upstream};
use wechatpay::Secret;
use wechatpay::common::refund::Status;
use wechatpay::common::{Fields, SignType};
use wechatpay::v2::refund_notify;
use wechatpay::v3::gcm::Sealed;

#[test]
fn a_notice_with_any_byte_changed_is_refused() {
    for id in [
        "demo",
        "harbour",
        "demo-v3",
        "peak-v3",
        "lantern-v3",
        "night-ionline",
    ] {
        let fixture = fixture(id);
        let original = fixture.notice.body.as_bytes();
        let says = Fields::parse(original).ok();
        // Fewer positions of v3's, because RSA is slow.
        let step = if says.is_some() { 5 } else { 61 };
        let mut tried = 0;
        for at in (0..original.len()).step_by(step) {
            let mut flipped = original.to_vec();
            flipped[at] ^= 1;
            let mut case = original.to_vec();
            case[at] ^= 0x20;
            let mut shorter = original.to_vec();
            shorter.remove(at);
            for changed in [flipped, case, shorter] {
                // White space between the fields is not signed.
                if says.is_some() && Fields::parse(&changed).ok() == says {
                    continue;
                }
                tried += 1;
                let status = fixture.send(&changed);
                assert!((400..500).contains(&status), "{id}, byte {at}: {status}");
            }
        }
        assert!(tried > original.len() / step, "{id}");
        fixture.ends_well();
    }
}

#[test]
fn a_v3_notice_with_any_header_changed_is_refused() {
    let fixture = fixture("demo-v3");
    let signed = |name: &str| name.to_ascii_lowercase().starts_with("wechatpay-");
    for (which, (name, value)) in fixture.notice.headers.iter().enumerate() {
        if !signed(name) || name.eq_ignore_ascii_case("wechatpay-signature-type") {
            continue;
        }
        let mut changes: Vec<Option<String>> = vec![None, Some(String::new())];
        for at in (0..value.len()).step_by(5) {
            let mut bytes = value.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            changes.push(String::from_utf8(bytes).ok());
        }
        for change in changes {
            let mut headers = fixture.notice.headers.clone();
            match change {
                Some(changed) => headers[which].1 = changed,
                None => drop(headers.remove(which)),
            }
            let status = fixture.send_to(
                &fixture.notice.url,
                &headers,
                fixture.notice.body.as_bytes(),
            );
            assert_eq!(status, 401, "{name}: {headers:?}");
        }
    }
    fixture.ends_well();
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let units = std::iter::once(0xfeff).chain(text.encode_utf16());
    units.flat_map(bytes).collect()
}

/// In every encoding a document has the signed contents, or it is refused.
#[test]
fn a_reencoded_notice_is_the_same_or_refused() {
    let as_it_is = |text: &str| text.as_bytes().to_vec();
    type Wrap = Box<dyn Fn(&str) -> Vec<u8>>;
    let between = |a: &str, b: &str| -> Wrap {
        let (a, b) = (a.to_owned(), b.to_owned());
        Box::new(move |xml| {
            assert!(xml.contains(&a), "{a}: {xml}");
            as_it_is(&xml.replace(&a, &b))
        })
    };
    let number = "<out_trade_no><![CDATA[N1]]></out_trade_no>";
    let table: Vec<(&str, bool, Wrap)> = vec![
        (
            "a reference",
            true,
            between(number, "<out_trade_no>&#x4e;1</out_trade_no>"),
        ),
        (
            "no CDATA",
            true,
            between(number, "<out_trade_no>N1</out_trade_no>"),
        ),
        (
            "two CDATA",
            true,
            between(
                number,
                "<out_trade_no><![CDATA[N]]><![CDATA[1]]></out_trade_no>",
            ),
        ),
        (
            "a comment inside",
            true,
            between(number, "<out_trade_no>N<!-- x -->1</out_trade_no>"),
        ),
        (
            "white space in a value",
            false,
            between(number, "<out_trade_no> N1 </out_trade_no>"),
        ),
        (
            "another number",
            false,
            between(number, "<out_trade_no>N2</out_trade_no>"),
        ),
        (
            "the number in lower case",
            false,
            between(number, "<out_trade_no>n1</out_trade_no>"),
        ),
        (
            "NUL in a value",
            false,
            between(number, "<out_trade_no>N1\0</out_trade_no>"),
        ),
        (
            "NUL as a reference",
            false,
            between(number, "<out_trade_no>N1&#0;</out_trade_no>"),
        ),
        (
            "an unknown entity",
            false,
            between(number, "<out_trade_no>N1&nbsp;</out_trade_no>"),
        ),
        (
            "an element inside",
            false,
            between(number, "<out_trade_no><b>N1</b></out_trade_no>"),
        ),
        (
            "an attribute",
            false,
            between(number, "<out_trade_no x=\"2\">N1</out_trade_no>"),
        ),
        ("the field twice", false, between(number, &number.repeat(2))),
        (
            "a second root",
            false,
            Box::new(move |xml| as_it_is(&xml.repeat(2))),
        ),
        (
            "a name in capitals beside it",
            false,
            between(number, &format!("{number}<OUT_TRADE_NO>N2</OUT_TRADE_NO>")),
        ),
        (
            "a name in capitals alone",
            false,
            between("out_trade_no", "OUT_TRADE_NO"),
        ),
        (
            "UTF-16, little end first",
            false,
            Box::new(|xml| utf16(xml, u16::to_le_bytes)),
        ),
        (
            "UTF-16, big end first",
            false,
            Box::new(|xml| utf16(xml, u16::to_be_bytes)),
        ),
        (
            "another encoding declared",
            false,
            Box::new(move |xml| {
                as_it_is(&format!("<?xml version=\"1.0\" encoding=\"GBK\"?>{xml}"))
            }),
        ),
        (
            "a processing instruction",
            false,
            between("<xml>", "<xml><?php 1?>"),
        ),
        (
            "a doctype",
            false,
            Box::new(move |xml| as_it_is(&format!("<!DOCTYPE xml>{xml}"))),
        ),
    ];
    for id in ["demo", "night-ionline"] {
        for (name, same, wrap) in &table {
            let fixture = fixture(id);
            let wrapped = wrap(&fixture.notice.body);
            let status = fixture.send(&wrapped);
            assert_eq!(
                (status == 200, fixture.is_paid()),
                (*same, *same),
                "{id}: {name}: {status}"
            );
            if *same {
                let parsed = Fields::parse(&wrapped).unwrap();
                assert_eq!(parsed, fixture.fields(), "{id}: {name}");
            } else {
                fixture.ends_well();
            }
        }
    }
}

#[test]
fn only_the_merchants_sign_type_is_accepted() {
    let md5 = SignType::Md5;
    let hmac = SignType::HmacSha256;
    // harbour signs with HMAC-SHA256, the others with MD5.
    for (id, its, other) in [
        ("harbour", hmac, md5),
        ("demo", md5, hmac),
        ("night-ionline", md5, hmac),
    ] {
        let fixture = fixture(id);
        let key = &fixture.key;
        let without = |fields: &Fields, name: &str| {
            let kept = fields.iter().filter(|(found, _)| *found != name);
            kept.fold(Fields::new(), |fields, (name, value)| {
                fields.with(name, value)
            })
        };
        let bare = without(&without(&fixture.fields(), "sign"), "sign_type");
        let sign = bare.sign(key, its);
        let declared = |sign_type: SignType| bare.clone().with("sign_type", sign_type.as_str());
        for (name, forged) in [
            ("not signed", bare.clone()),
            ("an empty sign", bare.clone().with("sign", "")),
            ("another kind", bare.clone().sealed(key, other)),
            ("another kind, declared", declared(other).sealed(key, other)),
            (
                "another kind, declared as its own",
                declared(its).sealed(key, other),
            ),
            (
                "its own, declared as another",
                declared(other).sealed(key, its),
            ),
            (
                "a kind that is none",
                bare.clone().with("sign_type", "NONE").sealed(key, its),
            ),
            (
                "in lower case",
                bare.clone().with("sign", sign.to_ascii_lowercase()),
            ),
            (
                "cut short",
                bare.clone().with("sign", &sign[..sign.len() - 1]),
            ),
            (
                "one letter longer",
                bare.clone().with("sign", format!("{sign}0")),
            ),
            (
                "only its first letter",
                bare.clone().with("sign", &sign[..1]),
            ),
            (
                "with another's key",
                bare.clone()
                    .sealed(&Secret::new("another-merchants-key-0000000001"), its),
            ),
            ("with no key", bare.clone().sealed(&Secret::new(""), its)),
        ] {
            let status = fixture.send(forged.to_xml());
            assert_eq!(status, 400, "{id}: {name}");
        }
        fixture.ends_well();
    }
}

/// The signed text is values joined by `&`: several fields folded into one
/// value have the same signature, and must not count as a payment.
#[test]
fn fields_folded_into_one_value_are_no_payment() {
    for id in ["demo", "harbour", "night-ionline"] {
        let fixture = fixture(id);
        // No query finds the payment, which is real.
        fixture.world.upstream([Upstream::LosesRequest; 2_000]);
        let fields = fixture.fields();
        let text = fields.signing_text();
        let pairs: Vec<(&str, &str)> = text
            .split('&')
            .map(|pair| pair.split_once('=').unwrap())
            .collect();
        for first in 0..pairs.len() {
            for last in first + 1..pairs.len() {
                // The fields up to the last become a part of the first.
                let mut folded = Fields::new();
                for (at, (name, value)) in pairs.iter().enumerate() {
                    let rest = &pairs[first + 1..=last];
                    let rest = rest.iter().map(|(name, value)| format!("&{name}={value}"));
                    match at {
                        _ if at == first => {
                            folded.push(name, format!("{value}{}", rest.collect::<String>()))
                        }
                        _ if (first..=last).contains(&at) => {}
                        _ => folded.push(name, *value),
                    }
                }
                let folded = folded.with("sign", fields.get("sign").unwrap());
                assert_eq!(folded.signing_text(), text, "the same signature");
                // At most it counts as a notice of a failed payment.
                fixture.send(folded.to_xml());
            }
            assert!(!fixture.is_paid(), "{id}: {}", pairs[first].0);
        }
        fixture.world.drop_upstream();
        fixture.ends_well();
    }
}

#[test]
fn a_signed_v3_notice_with_invalid_contents_is_refused() {
    let fixture = fixture("demo-v3");
    let now_s = fixture.world.now() / 1000;
    let (true_one, payment) = fixture.opened_v3();
    let resource = true_one["resource"].clone();
    let text = |name: &str| resource[name].as_str().unwrap().to_owned();
    let (nonce, associated) = (text("nonce"), text("associated_data"));
    let ciphertext = BASE64.decode(text("ciphertext")).unwrap();

    let with = |name: &str, value: Value| {
        let mut changed = true_one.clone();
        changed["resource"][name] = value;
        changed
    };
    let cipher = |bytes: &[u8]| with("ciphertext", json!(BASE64.encode(bytes)));
    let sealed = |text: &str, key: &Secret| {
        let sealed = Sealed::seal(text.as_bytes(), &nonce, &associated, key).unwrap();
        let Value::Object(sealed) = sealed.to_json() else {
            panic!("an object")
        };
        let mut changed = true_one.clone();
        changed["resource"].as_object_mut().unwrap().extend(sealed);
        changed
    };
    let says = |pointer: &str, value: Value| fixture.saying_v3(pointer, value);
    let mut flipped = ciphertext.clone();
    flipped[0] ^= 1;
    let mut tag = ciphertext.clone();
    *tag.last_mut().unwrap() ^= 1;
    let mut table = vec![
        (
            "cut ciphertext",
            cipher(&ciphertext[..ciphertext.len() - 1]),
        ),
        ("no ciphertext", cipher(&[])),
        ("only a tag", cipher(&ciphertext[ciphertext.len() - 16..])),
        (
            "longer ciphertext",
            cipher(&[&ciphertext[..], &[0]].concat()),
        ),
        ("a changed ciphertext", cipher(&flipped)),
        ("a changed tag", cipher(&tag)),
        (
            "ciphertext that is no base64",
            with("ciphertext", json!("***")),
        ),
        (
            "ciphertext that is no text",
            with("ciphertext", json!([1, 2])),
        ),
        (
            "other associated data",
            with("associated_data", json!("refund")),
        ),
        ("no associated data", with("associated_data", json!(""))),
        (
            "another algorithm",
            with("algorithm", json!("AEAD_AES_128_GCM")),
        ),
        ("no algorithm", with("algorithm", json!("none"))),
        (
            "another kind of resource",
            with("original_type", json!("refund")),
        ),
        ("no resource", with("ciphertext", Value::Null)),
        (
            "another's key",
            sealed(
                &payment.to_string(),
                &Secret::new("weceive-sandbox-v3-inst-key-0002"),
            ),
        ),
        ("not JSON inside", sealed("total=150", &fixture.key)),
        ("nothing inside", sealed("", &fixture.key)),
        (
            "a name twice inside",
            sealed(
                &payment
                    .to_string()
                    .replacen('{', "{\"trade_state\":\"SUCCESS\",", 1),
                &fixture.key,
            ),
        ),
        ("another order", says("/out_trade_no", json!("N2"))),
        ("another merchant", says("/mchid", json!("1900000113"))),
        (
            "another application",
            says("/appid", json!("wx0000000000000000")),
        ),
        ("not paid", says("/trade_state", json!("NOTPAY"))),
        ("more money", says("/amount/total", json!(151))),
        ("less money", says("/amount/total", json!(1))),
        ("less than nothing", says("/amount/total", json!(-150))),
        ("a broken amount", says("/amount/total", json!(150.5))),
        ("an amount as a text", says("/amount/total", json!("150"))),
        (
            "an amount beyond any",
            says("/amount/total", json!(1u64 << 60)),
        ),
        ("another currency", says("/amount/currency", json!("CNY"))),
        ("no payment's number", says("/id", json!(""))),
        ("no time", says("/success_time", json!("yesterday"))),
    ];
    let short = nonce[..11].to_owned();
    for (name, nonce) in [
        ("no nonce", ""),
        ("a short nonce", &short),
        ("a long nonce", "0123456789abc"),
        ("a nonce for another mode", "0123456789abcdef"),
    ] {
        table.push((name, with("nonce", json!(nonce))));
    }
    for (n, (name, envelope)) in (1..).zip(&table) {
        let status = fixture.send_signed_v3(envelope, now_s);
        assert!((400..500).contains(&status), "{name}: {status}");
        assert!(!fixture.is_paid(), "{name}");
        assert_eq!(fixture.refused(), n, "{name}");
    }
    // And the genuine notice with another time.
    for seconds in [-301, 301, -86_400, 86_400 * 365] {
        let status = fixture.send_signed_v3(&true_one, now_s + seconds);
        assert_eq!(status, 401, "{seconds} s");
    }
    fixture.ends_well();
}

/// Every merchant's genuine notice at every other address.
#[test]
fn a_genuine_notice_is_valid_for_its_merchant_only() {
    let world = Memory::default();
    let shops = MERCHANTS.map(|kind| (kind, shop(&world, kind).0));
    // An institution's notices are handled for the merchant that they name:
    // `i1_i2_i3_…`.
    let of_one_institution = |a: Kind, b: Kind| a.mch_id == b.mch_id && a.dialect == b.dialect;
    let paid = |shop: &Shop| shop.report()["counters"]["order:SUCCESS"].clone();
    for (from, shop) in &shops {
        let number = format!("N-{}", from.id);
        world.scan(&order(shop, &number)["code_url"]);
        let notice = world.take_notices().remove(0);
        for (to, other) in &shops {
            if of_one_institution(*from, *to) {
                continue;
            }
            let before = paid(other);
            for path in ["v2/", "v3/", "ionline/"] {
                for end in ["", "/refund", "/native"] {
                    let mut request =
                        http::Request::post(format!("{GATEWAY}/notify/{path}{}{end}", to.id));
                    for (name, value) in &notice.headers {
                        request = request.header(name, value);
                    }
                    let answer =
                        world.send(request.body(notice.body.clone().into_bytes()).unwrap());
                    let status = answer.status().as_u16();
                    assert!(
                        (400..500).contains(&status),
                        "{} to {path}{}{end}: {status}",
                        from.id,
                        to.id
                    );
                }
            }
            assert_eq!(paid(other), before, "{} to {}", from.id, to.id);
        }
        // At its own address it is accepted.
        let mut request = http::Request::post(&notice.url);
        for (name, value) in &notice.headers {
            request = request.header(name, value);
        }
        let answer = world.send(request.body(notice.body.into_bytes()).unwrap());
        assert!(answer.status().is_success(), "{}", from.id);
        assert_eq!(paid(shop), 1, "{}", from.id);
    }
}

#[test]
fn a_replayed_notice_reopens_no_order() {
    for id in ["demo", "demo-v3", "night-ionline"] {
        let fixture = fixture(id);
        assert!(fixture.send_it());
        let refund = json!({"out_trade_no": "N1", "total_fee": 150, "refund_fee": 150, "out_refund_no": "R1"});
        let (status, answer) = fixture.shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(status, 200, "{id}: {answer}");
        fixture.world.advance(1);
        let before = (fixture.shop.status("N1"), fixture.world.received().len());
        // It is acknowledged, because the payment is known.
        assert!(fixture.send_it(), "{id}");
        fixture.world.advance(30);
        let after = (fixture.shop.status("N1"), fixture.world.received().len());
        assert_eq!(before, after, "{id}");
        assert_eq!(after.0["trade_state"], "REFUND", "{id}");
    }
}

/// An attacker with the key can write v2's notice: it proves nothing.
#[test]
fn a_refund_notice_that_wechat_does_not_confirm_ends_nothing() {
    let fixture = fixture("demo");
    assert!(fixture.send_it());
    let refund =
        json!({"out_trade_no": "N1", "total_fee": 150, "refund_fee": 100, "out_refund_no": "R1"});
    assert_eq!(
        fixture
            .shop
            .call("POST", "/v1/refund", refund.to_string())
            .0,
        200
    );
    let paid = fixture.shop.status("N1");
    let account = fixture.fields();
    let account = order::Account {
        appid: account.get("appid").unwrap().to_owned(),
        mch_id: account.get("mch_id").unwrap().to_owned(),
        sub_appid: None,
        sub_mch_id: None,
    };
    let forged = |out_trade_no: &str, out_refund_no: &str| refund_notify::Notice {
        account: account.clone(),
        nonce_str: "x".to_owned(),
        refund: refund_notify::Refund {
            transaction_id: paid["transaction_id"].as_str().unwrap().to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            refund_id: Some("50000000001".to_owned()),
            out_refund_no: out_refund_no.to_owned(),
            total_fee: 150,
            settlement_total_fee: None,
            refund_fee: 100,
            settlement_refund_fee: None,
            refund_status: Status::Success,
            success_time_ms: None,
            refund_recv_accout: None,
            refund_account: None,
            refund_request_source: None,
        },
    };
    let url = format!("{GATEWAY}/notify/v2/demo/refund");
    for (number, refund, key) in [
        ("N1", "R1", &fixture.key),
        ("N1", "R2", &fixture.key),
        ("N2", "R1", &fixture.key),
        ("N1", "R1", &Secret::new("another-merchants-key-0000000001")),
    ] {
        let xml = forged(number, refund).to_xml(key);
        let status = fixture.send_to(&url, &[], xml.as_bytes());
        assert!((400..500).contains(&status), "{number} {refund}: {status}");
    }
    let refunds = fixture.shop.call("GET", "/v1/refund?out_trade_no=N1", "").1;
    let refunds = &refunds["data"]["refunds"];
    assert_eq!(refunds.as_array().unwrap().len(), 1, "{refunds}");
    assert_eq!(refunds[0]["refund_status"], "PROCESSING", "{refunds}");
}

/// v3's notice is signed; the book still uses only the query's answer.
#[test]
fn a_v3_refund_notice_that_wechat_signed_and_does_not_confirm_ends_nothing() {
    for id in ["demo-v3", "peak-v3", "lantern-v3"] {
        let fixture = fixture(id);
        assert!(fixture.send_it());
        let refund = json!({"out_trade_no": "N1", "total_fee": 150, "refund_fee": 100,
                            "out_refund_no": "R1"});
        let (status, answer) = fixture.shop.call("POST", "/v1/refund", refund.to_string());
        assert_eq!(status, 200, "{id}: {answer}");
        let transaction = fixture.opened_v3().1;
        for (number, out_refund_no, status, amount) in [
            ("N1", "R1", "SUCCESS", 100),
            ("N1", "R1", "CLOSED", 100),
            ("N1", "R1", "ABNORMAL", 100),
            ("N1", "R2", "SUCCESS", 50),
            ("N2", "R1", "SUCCESS", 100),
        ] {
            let mut said = json!({
                "refund_id": "50000000001", "out_refund_no": out_refund_no,
                "transaction_id": "42", "out_trade_no": number, "refund_status": status,
                "success_time": "2026-01-02T11:04:05+08:00", "user_received_account": "x",
                "amount": {"total": 150, "refund": amount, "payer_total": 150,
                           "payer_refund": amount, "currency": transaction["amount"]["currency"]},
            });
            for name in ["mchid", "sp_mchid", "sub_mchid"] {
                if let Some(value) = transaction.get(name) {
                    said[name] = value.clone();
                }
            }
            let mut envelope = fixture.sealed_v3(&said);
            envelope["event_type"] = json!(format!("REFUND.{status}"));
            envelope["resource"]["original_type"] = json!("refund");
            let now_s = fixture.world.now() / 1000;
            let answered = fixture.send_signed_v3(&envelope, now_s);
            assert!((400..500).contains(&answered), "{id}: {said}: {answered}");
        }
        let counters = fixture.shop.report()["counters"].clone();
        assert_eq!(
            counters["notice_bad_field"],
            Value::Null,
            "{id}: {counters}"
        );
        assert_eq!(
            counters["refund_notice_taken"],
            Value::Null,
            "{id}: {counters}"
        );
        let refunds = fixture.shop.call("GET", "/v1/refund?out_trade_no=N1", "").1;
        let refunds = refunds["data"]["refunds"].as_array().unwrap();
        assert_eq!(refunds.len(), 1, "{id}: {refunds:?}");
        assert_eq!(
            refunds[0]["refund_status"], "PROCESSING",
            "{id}: {refunds:?}"
        );
    }
}

/// A proxy returns the genuine answer to another request.
#[test]
fn a_genuine_answer_about_another_order_is_refused() {
    for id in ["demo", "demo-v3", "lantern-v3", "night-ionline"] {
        let world = Memory::default();
        let (shop, _) = shop(&world, kind(id));
        world.lose_notices(true);
        order(&shop, "A");
        world.scan(&order(&shop, "B")["code_url"]);
        assert_eq!(shop.status("B")["trade_state"], "SUCCESS", "{id}");
        world.upstream([Upstream::AnswersAsBefore]);
        assert_eq!(shop.status("A")["trade_state"], "NOTPAY", "{id}");
        let counters = shop.report()["counters"].clone();
        assert_eq!(counters["order:SUCCESS"], 1, "{id}: {counters}");

        // The same with refunds: B's is made, and A's only appears to be.
        world.advance(11);
        let made = order(&shop, "C");
        world.scan(&made["code_url"]);
        assert_eq!(shop.status("C")["trade_state"], "SUCCESS", "{id}");
        let refund = |number: &str| {
            let body = json!({"out_trade_no": number, "total_fee": 150, "refund_fee": 150, "out_refund_no": format!("R{number}")});
            shop.call("POST", "/v1/refund", body.to_string())
        };
        assert_eq!(refund("B").0, 200, "{id}");
        world.upstream([Upstream::AnswersAsBefore; 4]);
        let (_, answer) = refund("C");
        assert_ne!(
            answer["data"]["refund_status"], "PROCESSING",
            "{id}: {answer}"
        );
        assert_ne!(answer["data"]["refund_status"], "SUCCESS", "{id}: {answer}");
    }
}

#[test]
fn a_modified_session_cookie_is_refused() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut payer = Browser::new(&world, WECHAT);
    let mut url = page.clone();
    for _ in 0..3 {
        url = payer.get(&url).1;
    }
    assert_eq!(payer.get(&url).0, 200);
    let (name, token) = payer.cookies().remove(0);
    let (said, mac) = token.split_once('.').unwrap();
    let mut forged = vec![
        said.to_owned(),
        format!("{said}."),
        format!(".{mac}"),
        format!("{said}.{}", &mac[..mac.len() - 1]),
        format!("{said}.{mac}A"),
        format!("{said}.{mac}.{mac}"),
        format!("{mac}.{said}"),
    ];
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        forged.push(String::from_utf8(bytes).unwrap());
    }
    for forged in &forged {
        let mut other = Browser::new(&world, WECHAT);
        other.keep(&name, forged);
        let (status, answer) = other.post(&call(&page, "order"));
        assert_eq!(
            (status, &answer["code"]),
            (401, &json!("OPENID_REQUIRED")),
            "{forged}"
        );
    }
    // It is bound to the application, under every name of the cookie.
    let other = world.shop_with(
        "other",
        &json!({"appid": "wx5a11d0b0c0ffee09", "app_secret": "x"}),
    );
    let elsewhere = checkout(&other, "1");
    let mut thief = Browser::new(&world, WECHAT);
    thief.keep("weceive_payer_wx5a11d0b0c0ffee09", &token);
    assert_eq!(thief.post(&call(&elsewhere, "order")).0, 401);
    // It expires.
    world.advance(2 * 60 * 60);
    let late = checkout(&shop, "2");
    let mut late_payer = Browser::new(&world, WECHAT);
    late_payer.keep(&name, &token);
    assert_eq!(late_payer.post(&call(&late, "order")).0, 401);
}

#[test]
fn no_report_of_the_bridge_makes_an_order_paid() {
    let world = Memory::default();
    let shop = with_secret(&world);
    let page = checkout(&shop, "1");
    let mut payer = Browser::new(&world, DESKTOP);
    assert_eq!(payer.post(&call(&page, "order")).0, 200);
    for said in [
        "{}",
        r#"{"err_msg":"get_brand_wcpay_request:ok"}"#,
        r#"{"result":"ok","state":"paid","paid":true,"trade_state":"SUCCESS"}"#,
    ] {
        let (status, view) = payer.post_body(&call(&page, "check"), said);
        assert_eq!((status, &view["state"]), (200, &json!("open")), "{said}");
        world.advance(11);
    }
    assert_eq!(shop.status("1")["trade_state"], "NOTPAY");
    assert_eq!(shop.report()["counters"]["order:SUCCESS"], Value::Null);
}
