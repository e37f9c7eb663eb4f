//! A Mini Program's login in both directions.

use wechatpay::Secret;
use wechatpay::code2session::{Answer, PATH, Request, URL};
use wechatpay::common::Problem;
use wechatpay::oauth::{ErrorCode, TokenError};

fn request() -> Request {
    Request {
        appid: "wx2421b1c4370ec43b".to_owned(),
        secret: Secret::new("s3cr3t"),
        js_code: Secret::new("c0d3+/="),
    }
}

#[test]
fn the_request_round_trips_and_does_not_print() {
    let url = request().to_url(URL);
    assert_eq!(
        url,
        "https://api.weixin.qq.com/sns/jscode2session?appid=wx2421b1c4370ec43b\
         &secret=s3cr3t&js_code=c0d3%2B%2F%3D&grant_type=authorization_code"
    );
    assert!(URL.ends_with(PATH));
    assert_eq!(Request::read(&url), Ok(request()));
    let printed = format!("{:?}", request());
    assert!(
        !printed.contains("s3cr3t") && !printed.contains("c0d3"),
        "{printed}"
    );
    for (change, expect) in [
        (url.replace("appid=", "x="), ErrorCode::AppidMissing),
        (url.replace("secret=", "x="), ErrorCode::SecretMissing),
        (url.replace("js_code=", "code="), ErrorCode::CodeMissing),
        (
            url.replace("authorization_code", "password"),
            ErrorCode::InvalidGrantType,
        ),
    ] {
        assert_eq!(Request::read(&change), Err(expect), "{change}");
    }
}

#[test]
fn the_answer_round_trips_without_its_session_key() {
    let answer = Answer {
        openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned(),
    };
    let json = answer.to_json(&Secret::new("tiihtNczf5v6AKRyjwEUhQ=="));
    assert!(json.contains("tiihtNczf5v6AKRyjwEUhQ=="));
    assert_eq!(Answer::read(json.as_bytes()), Ok(answer.clone()));
    assert!(!format!("{answer:?}").contains("tiiht"));
    // Some of WeChat's answers have this form.
    let good = r#"{"errcode":0,"errmsg":"ok","openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}"#;
    assert_eq!(Answer::read(good.as_bytes()), Ok(answer.clone()));
    for odd in ["1e999", "null", "{\"a\":[1.5]}", "true"] {
        let odd = format!(
            r#"{{"session_key":{odd},"new":{odd},"openid":"{}"}}"#,
            answer.openid
        );
        assert_eq!(Answer::read(odd.as_bytes()), Ok(answer.clone()), "{odd}");
    }
}

#[test]
fn an_answer_without_an_openid_has_a_reason() {
    for (body, expect) in [
        (
            r#"{"errcode":40163,"errmsg":"code been used"}"#,
            TokenError::Refused {
                code: ErrorCode::CodeUsed,
                errmsg: "code been used".to_owned(),
            },
        ),
        (
            r#"{"session_key":"k"}"#,
            TokenError::Field(Problem::Missing.of("openid")),
        ),
        (
            r#"{"openid":1}"#,
            TokenError::Field(Problem::Missing.of("openid")),
        ),
        ("[]", TokenError::Malformed),
        ("<html>", TokenError::Malformed),
    ] {
        assert_eq!(Answer::read(body.as_bytes()), Err(expect), "{body}");
    }
}
