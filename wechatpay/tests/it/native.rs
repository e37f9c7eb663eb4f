//! Native mode 1: the product's QR code, the callback and its answer.

use crate::{NONCE, changed, direct, institution, key, nonce, sealed};
use order::Account;
use wechatpay::Secret;
use wechatpay::common::{FieldError, Fields, Problem, SignError, SignType, Text, XmlError};
use wechatpay::v2::answer::{self, AnswerError};
use wechatpay::v2::native::{self, Callback, CallbackError, PRODUCT_URL, ProductUrl};
use wechatpay::v2::shorturl::LongUrl;

fn product(product_id: &str) -> ProductUrl {
    ProductUrl {
        appid: Text::new("appid", "wx2421b1c4370ec43b").unwrap(),
        mch_id: Text::new("mch_id", "10000100").unwrap(),
        product_id: Text::new("product_id", product_id).unwrap(),
        time_stamp_s: 1_415_949_957,
        nonce_str: nonce(),
    }
}

#[test]
fn a_product_url_round_trips() {
    for product_id in ["1", "tea&sign=x", "茶 50%", "a+b=c#d?e"] {
        for sign_type in SignType::ALL {
            let product = product(product_id);
            let url = product.to_url(&key(), sign_type);
            assert!(url.starts_with(PRODUCT_URL) && url.is_ascii(), "{url}");
            assert!(LongUrl::new(&url).is_ok());
            let fields = ProductUrl::fields_of(&url).unwrap();
            assert_eq!(fields.verify(&key(), sign_type), Ok(()));
            assert_eq!(ProductUrl::read(&fields), Ok(product));

            let other = url.replace("wx2421", "wx2422");
            let fields = ProductUrl::fields_of(&other).unwrap();
            assert_eq!(fields.verify(&key(), sign_type), Err(SignError::Mismatch));
        }
    }
}

/// WeChat Pay v2 manual, section 6.4.2, whose key is not published: the
/// parameters in another order, with a sign.
#[test]
fn the_manuals_product_url_reads() {
    let url = "weixin://wxpay/bizpayurl?appid=wx2421b1c4370ec43b&mch_id=10000100\
               &nonce_str=f6808210402125e30663234f94c87a8c&product_id=1&time_stamp=1415949957\
               &sign=512F68131DD251DA4A45DA79CC7EFE9D";
    let fields = ProductUrl::fields_of(url).unwrap();
    assert_eq!(fields.get("sign"), Some("512F68131DD251DA4A45DA79CC7EFE9D"));
    let product = ProductUrl::read(&fields).unwrap();
    assert_eq!(product.product_id.as_str(), "1");
    assert_eq!(product.time_stamp_s, 1_415_949_957);
}

#[test]
fn each_kind_of_malformed_product_url_has_its_error() {
    let good = product("1").to_url(&key(), SignType::Md5);
    let check = |url: &str, expect: FieldError| {
        let result = ProductUrl::fields_of(url).and_then(|fields| ProductUrl::read(&fields));
        assert_eq!(result, Err(expect), "{url}");
    };
    for url in [
        "",
        "weixin://wxpay/s/abc",
        "https://wxpay/bizpayurl?appid=1",
    ] {
        check(url, Problem::BadFormat.of("product_url"));
    }
    check(PRODUCT_URL, Problem::Missing.of("appid"));
    check(
        &format!("{good}&product_id=2"),
        Problem::BadFormat.of("product_id"),
    );
    check(
        &good.replace("product_id=1", "product_id=%FF"),
        Problem::BadFormat.of("product_id"),
    );
    check(
        &good.replace("product_id=1", "product_id="),
        Problem::Empty.of("product_id"),
    );
    check(
        &good.replace("time_stamp=1415949957", "time_stamp=now"),
        Problem::NotANumber.of("time_stamp"),
    );
}

fn callback(account: Account) -> Callback {
    Callback {
        account,
        openid: Text::new("openid", "o8GeHuLAsgefS_80exEr1cTqekUs").unwrap(),
        is_subscribe: Some("Y".to_owned()),
        product_id: Text::new("product_id", "88888").unwrap(),
        nonce_str: nonce(),
    }
}

#[test]
fn a_callback_and_its_answer_round_trip() {
    for account in [direct(), institution()] {
        for sign_type in SignType::ALL {
            let callback = callback(account.clone());
            let xml = callback.to_xml(&key(), sign_type);
            assert_eq!(
                Callback::read(xml.as_bytes(), &key(), sign_type),
                Ok(callback)
            );

            let answer = native::Answer {
                prepay_id: Text::new("prepay_id", "wx201410272009395522657a690389285100").unwrap(),
            };
            let bytes = sealed(answer.to_fields(&account, NONCE), sign_type);
            let read = native::Answer::read(&bytes, &account, &key(), sign_type);
            assert_eq!(read, Ok(answer));

            let why = Text::new("err_code_des", "卖完了").unwrap();
            let bytes = sealed(native::refusal(&account, NONCE, &why), sign_type);
            let read = native::Answer::read(&bytes, &account, &key(), sign_type);
            let Err(AnswerError::Refused { description, .. }) = read else {
                panic!("{read:?}");
            };
            assert_eq!(description, "卖完了");
        }
    }
}

/// Any client can send a callback, and the merchant would make an order for it.
#[test]
fn a_forged_callback_is_refused() {
    use SignType::{HmacSha256, Md5};
    let fields = callback(direct()).to_fields();
    let check = |fields: Fields, sign_type, expect: CallbackError| {
        let result = Callback::read(fields.to_xml().as_bytes(), &key(), sign_type);
        assert_eq!(result, Err(expect));
    };
    let unverifiable = CallbackError::Unverifiable;
    check(fields.clone(), Md5, unverifiable(SignError::Missing));
    check(
        fields.clone().sealed(&Secret::new("k"), Md5),
        Md5,
        unverifiable(SignError::Mismatch),
    );
    check(
        fields.clone().sealed(&key(), Md5),
        HmacSha256,
        unverifiable(SignError::WrongType),
    );
    let changed_after = fields.clone().sealed(&key(), Md5).with("product_id", "1");
    check(changed_after, Md5, unverifiable(SignError::Mismatch));
    for field in ["appid", "mch_id", "openid", "product_id", "nonce_str"] {
        let half = changed(&fields, &[(field, None)]).sealed(&key(), Md5);
        check(half, Md5, CallbackError::Field(Problem::Missing.of(field)));
    }
    let xml = Callback::read(b"", &key(), Md5);
    assert_eq!(xml, Err(CallbackError::Xml(XmlError::Empty)));
}

#[test]
fn a_merchant_refuses_an_unverified_callback_unsigned() {
    let bytes = answer::communication_failure("签名失败").to_xml();
    let read = native::Answer::read(bytes.as_bytes(), &direct(), &key(), SignType::Md5);
    let return_msg = "签名失败".to_owned();
    assert_eq!(read, Err(AnswerError::Communication { return_msg }));
}
