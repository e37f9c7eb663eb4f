//! A Mini Program's login: it returns the payer's openid.
//!
//! ```text
//! 1. the Mini Program calls wx.login                    a code: 5 minutes, once
//! 2. the server requests
//!    https://api.weixin.qq.com/sns/jscode2session?appid=…&secret=…
//!      &js_code=…&grant_type=authorization_code
//!    {"openid":"…","session_key":"…"}
//!    {"errcode":40163,"errmsg":"code been used"}
//! ```
//!
//! The refusals are those of [`oauth`](crate::oauth). `session_key` decrypts
//! data for the Mini Program; a payment does not need it, so it is not read.

use crate::Secret;
use crate::common::Problem;
use crate::oauth::{ErrorCode, TokenError, read_answer, required, text};
use crate::uri::{encode, query_of};
use serde_json::json;

/// Step 2 at WeChat.
pub const URL: &str = "https://api.weixin.qq.com/sns/jscode2session";

/// The path of [`URL`].
pub const PATH: &str = "/sns/jscode2session";

/// The request of step 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The Mini Program.
    pub appid: String,
    /// Its app secret.
    pub secret: Secret,
    /// The code of step 1.
    pub js_code: Secret,
}

impl Request {
    /// The URL to get, under `base` (at WeChat [`URL`]). It contains the app
    /// secret: never log it.
    pub fn to_url(&self, base: &str) -> String {
        format!(
            "{base}?appid={}&secret={}&js_code={}&grant_type=authorization_code",
            encode(&self.appid),
            encode(self.secret.expose()),
            encode(self.js_code.expose()),
        )
    }

    /// Reads a URL, or only its query. A missing parameter has its own
    /// [`ErrorCode`], as at WeChat.
    pub fn read(uri: &str) -> Result<Self, ErrorCode> {
        let query = query_of(uri);
        let take = |name, missing: ErrorCode| required(query, name).map_err(|_| missing);
        let request = Self {
            appid: take("appid", ErrorCode::AppidMissing)?,
            secret: Secret::new(take("secret", ErrorCode::SecretMissing)?),
            js_code: Secret::new(take("js_code", ErrorCode::CodeMissing)?),
        };
        match required(query, "grant_type").as_deref() {
            Ok("authorization_code") => Ok(request),
            _ => Err(ErrorCode::InvalidGrantType),
        }
    }
}

/// The successful answer of step 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The payer, under the Mini Program's appid.
    pub openid: String,
}

impl Answer {
    /// Reads the answer's body.
    pub fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        let answer = read_answer(bytes)?;
        let openid = text(&answer, "openid").ok_or(Problem::Missing.of("openid"))?;
        Ok(Self { openid })
    }

    /// The answer's body, with the key that WeChat adds.
    pub fn to_json(&self, session_key: &Secret) -> String {
        json!({ "openid": self.openid, "session_key": session_key.expose() }).to_string()
    }
}
