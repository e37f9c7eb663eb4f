//! Calls to WeChat Pay v2: the hosts in their order, and what an answer that
//! is no success means for the caller.

use crate::error::{ApiError, Code};
use crate::world::{Request, Route, World};
use serde_json::{Map, Value};
use std::cell::Cell;
use wechatpay::v2::answer::AnswerError;
use wechatpay::v2::bill;
use wechatpay::v2::xml::Fields;

/// The access nodes of seed 002, section 4.3, for a merchant overseas: Hong
/// Kong first.
const HOSTS: [&str; 3] = [
    "apihk.mch.weixin.qq.com",
    "apius.mch.weixin.qq.com",
    "api.mch.weixin.qq.com",
];

/// How long another host is used before the first is tried again.
const AWAY_MS: i64 = 60_000;

/// Which host answered last. Where one fails the next is used, for a while.
#[derive(Debug, Default)]
pub struct Hosts {
    current: Cell<usize>,
    return_at_ms: Cell<i64>,
}

impl Hosts {
    /// Sends an idempotent message: each host is tried once, because the same
    /// message again has the same effect (checklist P6). `None` when none of
    /// them answered.
    pub async fn post(&self, world: &impl World, path: &str, xml: &str) -> Option<Vec<u8>> {
        for _ in HOSTS {
            if let Some(answer) = self.post_once(world, path, xml).await {
                return Some(answer);
            }
        }
        None
    }

    /// Sends a message that takes money: once. `None` says that no answer
    /// came, and not that nothing happened.
    pub async fn post_once(&self, world: &impl World, path: &str, xml: &str) -> Option<Vec<u8>> {
        if world.now_ms() >= self.return_at_ms.get() {
            self.current.set(0);
        }
        let current = self.current.get();
        let host = HOSTS.get(current)?;
        let route = match path {
            bill::PATH => Route::Statement,
            _ if path.starts_with("/secapi/") => Route::WeChatPayMtls,
            _ => Route::WeChatPay,
        };
        let mut request = Request::new(xml.as_bytes().to_vec());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = format!("https://{host}{path}").parse().ok()?;
        request.headers_mut().insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/xml; charset=utf-8"),
        );
        match world.fetch(route, request).await {
            Ok(answer) if !answer.status().is_server_error() => return Some(answer.into_body()),
            Ok(answer) => world.log(format_args!("{host}{path}: status {}", answer.status())),
            Err(error) => world.log(format_args!("{host}{path}: {error}")),
        }
        // Others may have moved on from this host meanwhile.
        if self.current.get() == current {
            self.current.set((current + 1) % HOSTS.len());
            self.return_at_ms.set(world.now_ms() + AWAY_MS);
        }
        None
    }
}

/// What the merchant is told. A refusal is forwarded whole, as seed 000 shows
/// it ("Request Refund"); what could not be verified is not.
pub fn refused(world: &impl World, what: &str, error: &AnswerError) -> ApiError {
    world.log(format_args!("{what}: {error}"));
    match error {
        AnswerError::Refused { fields, .. } => ApiError {
            code: Code::UpstreamRefused,
            field: None,
            message: object(fields),
        },
        // Unsigned by nature (seed 002, section 4.3.1): a signature that
        // WeChat did not accept is reported so. It is shown, not believed.
        AnswerError::Communication { return_msg } => ApiError {
            code: Code::UpstreamRefused,
            field: None,
            message: serde_json::json!({"return_code": "FAIL", "return_msg": return_msg}),
        },
        _ => ApiError::of(Code::UpstreamUnverified),
    }
}

fn object(fields: &Fields) -> Value {
    let entries = fields
        .iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value.to_owned())));
    Value::Object(entries.collect::<Map<_, _>>())
}
