//! OAuth in both directions.

use wechatpay::Secret;
use wechatpay::common::Problem;
use wechatpay::oauth::{
    ACCESS_TOKEN_URL, AUTHORIZE_URL, Authorize, ErrorCode, Scope, Token, TokenError, TokenRequest,
};

fn authorize() -> Authorize {
    Authorize {
        appid: "wx2421b1c4370ec43b".to_owned(),
        redirect_uri: "https://pay.example/oauth/back?s=1&t=2".to_owned(),
        scope: Scope::Base,
        state: "STATE123".to_owned(),
    }
}

#[test]
fn the_authorize_url_round_trips() {
    let url = authorize().to_url(AUTHORIZE_URL);
    assert_eq!(
        url,
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx2421b1c4370ec43b\
         &redirect_uri=https%3A%2F%2Fpay.example%2Foauth%2Fback%3Fs%3D1%26t%3D2\
         &response_type=code&scope=snsapi_base&state=STATE123#wechat_redirect"
    );
    assert_eq!(Authorize::read(&url), Ok(authorize()));
    // A server sees no fragment, and may see only the query.
    let query = url
        .split_once('?')
        .unwrap()
        .1
        .trim_end_matches("#wechat_redirect");
    assert_eq!(Authorize::read(query), Ok(authorize()));

    for (change, expect) in [
        (url.replace("appid=", "app="), Problem::Missing.of("appid")),
        (
            url.replace("STATE123", "a&state=b"),
            Problem::BadFormat.of("state"),
        ),
        (
            url.replace("snsapi_base", "all"),
            Problem::UnknownValue.of("scope"),
        ),
        (
            url.replace("=code", "=token"),
            Problem::UnknownValue.of("response_type"),
        ),
        (
            url.replace("%3A", "%ZZ"),
            Problem::BadFormat.of("redirect_uri"),
        ),
    ] {
        assert_eq!(Authorize::read(&change), Err(expect), "{change}");
    }
}

#[test]
fn the_return_url_has_code_and_state() {
    for (redirect_uri, expect) in [
        (
            "https://a.example/b",
            "https://a.example/b?code=C%2B1&state=STATE123",
        ),
        (
            "https://a.example/b?s=1",
            "https://a.example/b?s=1&code=C%2B1&state=STATE123",
        ),
        (
            "https://a.example/b#f",
            "https://a.example/b?code=C%2B1&state=STATE123#f",
        ),
    ] {
        let redirect_uri = redirect_uri.to_owned();
        let authorize = Authorize {
            redirect_uri,
            ..authorize()
        };
        assert_eq!(authorize.return_url("C+1"), expect);
    }
}

#[test]
fn the_exchange_round_trips() {
    let request = TokenRequest {
        appid: "wx1".to_owned(),
        secret: Secret::new("s3cr3t&x"),
        code: Secret::new("c0d3"),
    };
    let url = request.to_url(ACCESS_TOKEN_URL);
    assert_eq!(
        url,
        "https://api.weixin.qq.com/sns/oauth2/access_token?appid=wx1&secret=s3cr3t%26x\
         &code=c0d3&grant_type=authorization_code"
    );
    assert_eq!(TokenRequest::read(&url), Ok(request.clone()));
    let printed = format!("{request:?}");
    assert!(
        !printed.contains("s3cr3t") && !printed.contains("c0d3"),
        "{printed}"
    );

    for (change, expect) in [
        (url.replace("appid=", "x="), ErrorCode::AppidMissing),
        (url.replace("secret=", "x="), ErrorCode::SecretMissing),
        (url.replace("c0d3", ""), ErrorCode::CodeMissing),
        (
            url.replace("authorization_code", "password"),
            ErrorCode::InvalidGrantType,
        ),
    ] {
        assert_eq!(TokenRequest::read(&change), Err(expect), "{change}");
    }
}

#[test]
fn a_token_round_trips_and_does_not_print() {
    let token = Token {
        openid: "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned(),
        access_token: Some(Secret::new("ACCESS")),
        expires_in_seconds: Some(7200),
        refresh_token: Some(Secret::new("REFRESH")),
        scope: "snsapi_base".to_owned(),
        is_snapshot_user: true,
        unionid: Some("u1".to_owned()),
    };
    let bare = Token {
        refresh_token: None,
        unionid: None,
        ..token.clone()
    };
    for token in [token, bare] {
        assert_eq!(Token::read(token.to_json().as_bytes()), Ok(token.clone()));
        let printed = format!("{token:?}");
        assert!(
            !printed.contains("ACCESS") && !printed.contains("REFRESH"),
            "{printed}"
        );
    }
}

#[test]
fn an_answer_without_an_openid_has_a_reason() {
    let refused = |code, errmsg: &str| TokenError::Refused {
        code,
        errmsg: errmsg.to_owned(),
    };
    for (body, expect) in [
        (
            r#"{"errcode":40029,"errmsg":"invalid code, rid: 1-2-3"}"#,
            refused(ErrorCode::InvalidCode, "invalid code, rid: 1-2-3"),
        ),
        (r#"{"errcode":-1}"#, refused(ErrorCode::Busy, "")),
        (
            r#"{"errcode":49999,"errmsg":"new"}"#,
            refused(ErrorCode::Unknown(49999), "new"),
        ),
        // An error has precedence over all other fields.
        (
            r#"{"errcode":40163,"openid":"o1","access_token":"t","expires_in":1}"#,
            refused(ErrorCode::CodeUsed, ""),
        ),
        (
            r#"{"errcode":"40029"}"#,
            TokenError::Field(Problem::NotANumber.of("errcode")),
        ),
        ("{}", TokenError::Field(Problem::Missing.of("openid"))),
        (
            r#"{"openid":""}"#,
            TokenError::Field(Problem::Missing.of("openid")),
        ),
        (
            r#"{"openid":1e999,"access_token":"t"}"#,
            TokenError::Field(Problem::Missing.of("openid")),
        ),
        (
            r#"{"openid":"o1","errcode":1e999}"#,
            TokenError::Field(Problem::NotANumber.of("errcode")),
        ),
        ("[]", TokenError::Malformed),
        ("null", TokenError::Malformed),
        ("<html>", TokenError::Malformed),
        ("", TokenError::Malformed),
    ] {
        assert_eq!(Token::read(body.as_bytes()), Err(expect), "{body}");
    }
    let deep = "[".repeat(60_000);
    assert_eq!(Token::read(deep.as_bytes()), Err(TokenError::Malformed));
    let big = format!("{{\"openid\":\"{}\"}}", "o".repeat(70_000));
    assert_eq!(Token::read(big.as_bytes()), Err(TokenError::Malformed));
}

/// A payment needs the openid. Other members, or their absence, are not
/// checked.
#[test]
fn an_unused_member_in_any_form_hides_no_openid() {
    for odd in [
        "1.5",
        "1e999",
        "18446744073709551616",
        "null",
        "true",
        "\"\"",
        "\"7200\"",
        "{}",
        "[[1e999]]",
        r#"{"a":{"a":1,"a":2}}"#,
        r#""\ud800""#,
    ] {
        for name in [
            "access_token",
            "expires_in",
            "refresh_token",
            "scope",
            "unionid",
            "new",
        ] {
            let body = format!(r#"{{"openid":"o1","{name}":{odd},"is_snapshotuser":0}}"#);
            let token = Token::read(body.as_bytes()).unwrap();
            assert_eq!(
                (token.openid.as_str(), token.is_snapshot_user),
                ("o1", false)
            );
        }
        // This member is used: an openid counts as virtual unless WeChat says
        // clearly that it is not.
        let body = format!(r#"{{"openid":"o1","is_snapshotuser":{odd}}}"#);
        let token = Token::read(body.as_bytes()).unwrap();
        assert_eq!(token.is_snapshot_user, odd != "null", "{odd}");
    }
    let token = Token::read(br#"{"openid":"o1","errcode":null}"#).unwrap();
    assert_eq!((token.access_token, token.expires_in_seconds), (None, None));
}

#[test]
fn every_errcode_round_trips_and_says_what_it_means() {
    for code in ErrorCode::ALL
        .iter()
        .copied()
        .chain([ErrorCode::Unknown(1)])
    {
        assert_eq!(ErrorCode::from_errcode(code.errcode()), code);
        assert!(code.meaning().ends_with('.'), "{code:?}");
        let expect = TokenError::Refused {
            code,
            errmsg: code.errmsg().to_owned(),
        };
        assert_eq!(Token::read(code.to_json().as_bytes()), Err(expect));
    }
    for errcode in [40001, 40013, 40029, 40163, 41008] {
        assert!(!matches!(
            ErrorCode::from_errcode(errcode),
            ErrorCode::Unknown(_)
        ));
    }
    assert!(ErrorCode::CodeUsed.wants_new_code());
    assert!(!ErrorCode::InvalidCredential.wants_new_code());
}
