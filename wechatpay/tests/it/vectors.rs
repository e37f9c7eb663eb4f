//! `tests/vectors.json`: signatures that were published by others, or that
//! several independent libraries agree on.

use md5::{Digest, Md5};
use serde_json::Value;
use wechatpay::Secret;
use wechatpay::common::invoke::{App, Jsapi};
use wechatpay::common::{Fields, SignError, SignType, Text, time};
use wechatpay::v2::invoke;
use wechatpay::v2::native::ProductUrl;
use wechatpay::v2::{ecb, refund_notify};

/// The vectors whose names begin with one of these.
pub(crate) fn vectors_of(beginnings: &[&str]) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_str(include_str!("../vectors.json")).unwrap();
    let wanted = |vector: &Value| {
        let name = vector["name"].as_str().unwrap();
        beginnings
            .iter()
            .any(|beginning| name.starts_with(beginning))
    };
    all.into_iter().filter(wanted).collect()
}

fn vectors() -> Vec<Value> {
    vectors_of(&["v2-", "aes-256-ecb-", "xlib-"])
}

fn vector(name: &str) -> Value {
    vectors().into_iter().find(|v| v["name"] == name).unwrap()
}

pub(crate) fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn fields(inputs: &Value) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in inputs.as_object().unwrap() {
        fields.push(name, text(value));
    }
    fields
}

fn check(vector: &Value) {
    let name = text(&vector["name"]);
    let inputs = &vector["inputs"];
    let key = Secret::new(vector["key"].as_str().unwrap_or_default());
    let expected = text(&vector["expected"]);
    match vector["algorithm"].as_str().unwrap() {
        "v2-md5" => assert_eq!(fields(inputs).sign(&key, SignType::Md5), expected, "{name}"),
        "v2-hmac-sha256" => {
            let sign = fields(inputs).sign(&key, SignType::HmacSha256);
            assert_eq!(sign, expected, "{name}");
        }
        "v2-md5-verify-xml" => {
            let fields = Fields::parse(text(&inputs["xml"]).as_bytes()).unwrap();
            assert_eq!(fields.verify(&key, SignType::Md5), Ok(()), "{name}");
        }
        "v2-xml-encode" => {
            let parsed = Fields::parse(expected.as_bytes()).unwrap();
            assert_eq!(parsed.len(), fields(inputs).len(), "{name}");
            for (field, value) in fields(inputs).iter() {
                assert_eq!(parsed.get(field), Some(value), "{name}");
            }
            assert_eq!(expected.replace('\n', ""), parsed.to_xml(), "{name}");
        }
        // The bare hash. The gateway's text always ends with `&key=`, so the
        // hash is shown with no fields and a key.
        "md5-hex" => {
            let text = text(&inputs["text"]);
            let hash = Md5::digest(&text);
            let hex: String = hash.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(hex, expected, "{name}");
            if let Some(key) = text.strip_prefix("&key=") {
                let sign = Fields::new().sign(&Secret::new(key), SignType::Md5);
                assert_eq!(sign, expected.to_uppercase(), "{name}");
            }
        }
        "v2-req_info-aes-256-ecb" => {
            let opened = refund_notify::open(&text(&inputs["req_info"]), &key);
            let plain = Fields::parse_root(expected.as_bytes(), "root").unwrap();
            assert_eq!(opened, Some(plain), "{name}");
        }
        "aes-256-ecb-pkcs7" => {
            let key: [u8; 32] = key.expose().as_bytes().try_into().unwrap();
            let sealed = text(&inputs["ciphertext"]);
            let plain = expected.into_bytes();
            assert_eq!(ecb::encrypt(&plain, &key), sealed, "{name}");
            assert_eq!(ecb::decrypt(&sealed, &key), Some(plain), "{name}");
        }
        other => panic!("{name}: no check for {other}"),
    }
}

#[test]
fn every_vector_holds() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 19);
    vectors.iter().for_each(check);
}

#[test]
fn a_changed_field_fails_every_sign_vector() {
    for vector in vectors() {
        let Some(sign_type) = (match vector["algorithm"].as_str().unwrap() {
            "v2-md5" => Some(SignType::Md5),
            "v2-hmac-sha256" => Some(SignType::HmacSha256),
            _ => None,
        }) else {
            continue;
        };
        let key = Secret::new(text(&vector["key"]));
        let good = fields(&vector["inputs"]).with("sign", text(&vector["expected"]));
        assert_eq!(good.verify(&key, sign_type), Ok(()));
        let bad = good.with("total_fee", "100000");
        assert_eq!(bad.verify(&key, sign_type), Err(SignError::Mismatch));
    }
}

/// J2, J3: the page's package is signed as the manual requires.
#[test]
fn jsapi_packages_are_those_of_the_vectors() {
    for (name, sign_type) in [
        (
            "v2-paySign-jsapi-md5-official-miniprogram-doc",
            SignType::Md5,
        ),
        ("v2-paySign-jsapi-md5-easywechat", SignType::Md5),
        ("v2-paySign-jsapi-hmac-easywechat", SignType::HmacSha256),
        ("xlib-jsapi-paysign-md5", SignType::Md5),
    ] {
        let vector = vector(name);
        let input = |field: &str| text(&vector["inputs"][field]);
        let key = Secret::new(text(&vector["key"]));
        let package = invoke::jsapi(
            &input("appId"),
            input("package").strip_prefix("prepay_id=").unwrap(),
            input("timeStamp").parse().unwrap(),
            &input("nonceStr"),
            &key,
            sign_type,
        );
        assert_eq!(package.pay_sign, text(&vector["expected"]), "{name}");
        assert_eq!(package.verify(&key), Ok(()));

        let mut expected = vector["inputs"].clone();
        expected["paySign"] = vector["expected"].clone();
        let json = serde_json::to_value(&package).unwrap();
        assert_eq!(json, expected, "{name}");
        assert!(json["timeStamp"].is_string(), "iOS fails on a number");
        assert_eq!(serde_json::from_value::<Jsapi>(json).unwrap(), package);
    }
}

#[test]
fn a_changed_jsapi_package_does_not_verify() {
    let key = Secret::new("k");
    let good = invoke::jsapi("wx1", "p1", 1_490_840_662, "n", &key, SignType::HmacSha256);
    assert_eq!(good.prepay_id(), Some("p1"));
    let changed = |change: fn(&mut Jsapi)| {
        let mut package = good.clone();
        change(&mut package);
        package.verify(&key)
    };
    for change in [
        |p: &mut Jsapi| p.app_id.push('x'),
        |p: &mut Jsapi| p.time_stamp.push('0'),
        |p: &mut Jsapi| p.nonce_str.push('x'),
        |p: &mut Jsapi| p.package = "prepay_id=p2".to_owned(),
        |p: &mut Jsapi| p.sign_type = "MD5".to_owned(),
        |p: &mut Jsapi| p.pay_sign.make_ascii_lowercase(),
    ] {
        assert_eq!(changed(change), Err(SignError::Mismatch));
    }
    assert_eq!(
        changed(|p| p.sign_type = "RSA".to_owned()),
        Err(SignError::WrongType)
    );
    assert_eq!(changed(|p| p.pay_sign.clear()), Err(SignError::Missing));
    assert_eq!(
        good.verify(&Secret::new("another")),
        Err(SignError::Mismatch)
    );
}

#[test]
fn an_app_package_is_that_of_the_vector() {
    let vector = vector("xlib-app-sign-md5");
    let input = |field: &str| text(&vector["inputs"][field]);
    let key = Secret::new(text(&vector["key"]));
    let package = invoke::app(
        &input("appid"),
        &input("partnerid"),
        &input("prepayid"),
        input("timestamp").parse().unwrap(),
        &input("noncestr"),
        &key,
        SignType::Md5,
    );
    let mut expected = vector["inputs"].clone();
    expected["sign"] = vector["expected"].clone();
    let json = serde_json::to_value(&package).unwrap();
    assert_eq!(json, expected);
    assert_eq!(serde_json::from_value::<App>(json).unwrap(), package);
    assert_eq!(package.verify(&key, SignType::Md5), Ok(()));
    assert_eq!(
        package.verify(&key, SignType::HmacSha256),
        Err(SignError::Mismatch)
    );
}

#[test]
fn a_product_url_is_that_of_the_vector() {
    let vector = vector("xlib-native-mode1-qr");
    let input = |field: &str| text(&vector["inputs"][field]);
    let key = Secret::new(text(&vector["key"]));
    let product = ProductUrl {
        appid: Text::new("appid", &input("appid")).unwrap(),
        mch_id: Text::new("mch_id", &input("mch_id")).unwrap(),
        product_id: Text::new("product_id", &input("product_id")).unwrap(),
        time_stamp_s: input("time_stamp").parse().unwrap(),
        nonce_str: Text::new("nonce_str", &input("nonce_str")).unwrap(),
    };
    let expected = format!(
        "weixin://wxpay/bizpayurl?sign={}&appid=wx2421b1c4370ec43b&mch_id=10000100\
         &product_id=1&time_stamp=1415949957&nonce_str=f6808210402125e30663234f94c87a8c",
        text(&vector["expected"])
    );
    assert_eq!(product.to_url(&key, SignType::Md5), expected);
}

/// The vector's whole notice, not only its cipher.
#[test]
fn the_refund_vector_reads_as_a_refund() {
    let vector = vector("v2-refund-req_info-gopay");
    let key = Secret::new(text(&vector["key"]));
    let req_info = text(&vector["inputs"]["req_info"]);
    let xml = format!(
        "<xml><return_code>SUCCESS</return_code><appid><![CDATA[wx1]]></appid>\
         <mch_id><![CDATA[1]]></mch_id><nonce_str><![CDATA[n]]></nonce_str>\
         <req_info><![CDATA[{req_info}]]></req_info></xml>"
    );
    let notice = refund_notify::Notice::read(xml.as_bytes(), &key).unwrap();
    assert_eq!(
        notice.refund.out_refund_no,
        "50fd012ed1b311e7af7800163e32c503"
    );
    assert_eq!(notice.refund.refund_fee, 6);
    let success_time = notice.refund.success_time_ms.map(time::china);
    assert_eq!(success_time.as_deref(), Some("20171125153617"));
    let recv_accout = notice.refund.refund_recv_accout.as_deref();
    assert_eq!(recv_accout, Some("支付用户零钱"));
    // Written again, it becomes a ciphertext with the same contents.
    let again = refund_notify::Notice::read(notice.to_xml(&key).as_bytes(), &key);
    assert_eq!(again, Ok(notice));
}

/// `sign_type` is one of the signed fields, as Tencent requires.
#[test]
fn sign_type_is_signed_where_it_is_present() {
    let plain = Fields::new().with("a", "1");
    let typed = plain.clone().with("sign_type", "HMAC-SHA256");
    let key = Secret::new("k");
    assert_eq!(typed.signing_text(), "a=1&sign_type=HMAC-SHA256");
    assert_ne!(
        plain.sign(&key, SignType::HmacSha256),
        typed.sign(&key, SignType::HmacSha256)
    );
}

#[test]
fn names_sort_by_byte_and_values_are_not_escaped() {
    let fields = Fields::new()
        .with("b", "x=1&y=<2>")
        .with("a_b", "2")
        .with("aB", " ")
        .with("B", "支付")
        .with("empty", "")
        .with("sign", "IGNORED");
    assert_eq!(fields.signing_text(), "B=支付&aB= &a_b=2&b=x=1&y=<2>");
}

#[test]
fn a_received_document_is_checked_by_its_own_sign_type() {
    let key = Secret::new("k");
    let bare = Fields::new().with("a", "1");
    for (fields, sign_type) in [
        (bare.clone(), SignType::Md5),
        (bare.clone().sealed(&key, SignType::Md5), SignType::Md5),
        (
            bare.clone().sealed(&key, SignType::HmacSha256),
            SignType::HmacSha256,
        ),
        (
            bare.clone().with("sign_type", "HMAC-SHA256"),
            SignType::HmacSha256,
        ),
        (
            bare.clone().with("signType", "HMAC-SHA256"),
            SignType::HmacSha256,
        ),
    ] {
        let checked = fields.check_sign(&key).unwrap();
        assert_eq!(checked.sign_type, sign_type);
        assert_eq!(checked.holds(), fields.get("sign").is_some());
        assert_eq!(checked.computed, fields.sign(&key, sign_type));
    }
    let rsa = bare.with("sign_type", "RSA");
    assert_eq!(rsa.check_sign(&key), Err(SignError::WrongType));
}

/// WeChat Pay v2 manual, section 5.5.4 and 9.1: HMAC-SHA256 has to be declared.
#[test]
fn a_request_that_declares_nothing_is_md5() {
    let key = Secret::new("k");
    let silent = Fields::new()
        .with("a", "1")
        .sealed(&key, SignType::HmacSha256);
    assert_eq!(silent.declared_sign_type(), Some(SignType::Md5));
    assert_eq!(
        silent.verify(&key, SignType::Md5),
        Err(SignError::WrongType)
    );
    let declared = silent.clone().with("sign_type", "HMAC-SHA256");
    assert_eq!(declared.declared_sign_type(), Some(SignType::HmacSha256));
    assert_eq!(silent.with("sign_type", "RSA").declared_sign_type(), None);
}
