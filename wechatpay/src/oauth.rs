//! WeChat's OAuth for official accounts: it returns the openid of the payer on
//! a page.
//!
//! ```text
//! 1. the browser goes to
//!    https://open.weixin.qq.com/connect/oauth2/authorize?appid=…&redirect_uri=…
//!      &response_type=code&scope=snsapi_base&state=…#wechat_redirect
//! 2. and returns to redirect_uri?code=…&state=…         the code: 5 minutes, once
//! 3. the server requests
//!    https://api.weixin.qq.com/sns/oauth2/access_token?appid=…&secret=…
//!      &code=…&grant_type=authorization_code
//!    {"access_token":"…","expires_in":7200,"refresh_token":"…","openid":"…","scope":"snsapi_base"}
//!    {"errcode":40029,"errmsg":"invalid code"}
//! ```
//!
//! An openid is valid only under the appid that requested it. The app secret
//! and the tokens are [`Secret`]s and do not print.

use crate::Secret;
use crate::common::{FieldError, Problem};
use crate::uri::{encode, query_of, single};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use thiserror::Error;

/// The host of WeChat's API.
pub const API_HOST: &str = "api.weixin.qq.com";

/// Its backup, which WeChat asks callers to use when [`API_HOST`] cannot be
/// reached.
pub const BACKUP_API_HOST: &str = "api2.weixin.qq.com";

/// Step 1 at WeChat.
pub const AUTHORIZE_URL: &str = "https://open.weixin.qq.com/connect/oauth2/authorize";

/// Step 3 at WeChat.
pub const ACCESS_TOKEN_URL: &str = "https://api.weixin.qq.com/sns/oauth2/access_token";

/// The path of [`ACCESS_TOKEN_URL`].
pub const ACCESS_TOKEN_PATH: &str = "/sns/oauth2/access_token";

/// How long a code can be exchanged: 5 minutes, and once.
pub const CODE_SECONDS: i64 = 5 * 60;

/// What is requested from the payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only the openid, without asking the payer.
    Base,
    /// Also name and picture, after the payer agrees.
    UserInfo,
}

impl Scope {
    /// Both scopes.
    pub const ALL: [Self; 2] = [Self::Base, Self::UserInfo];

    /// WeChat's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "snsapi_base",
            Self::UserInfo => "snsapi_userinfo",
        }
    }

    /// The scope with this exact name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

/// The address that the browser opens in step 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorize {
    /// The official account.
    pub appid: String,
    /// The absolute URL to which WeChat redirects; its host must be registered.
    pub redirect_uri: String,
    /// The requested scope.
    pub scope: Scope,
    /// Returned unchanged: at most 128 bytes of `a-zA-Z0-9`, according to
    /// WeChat.
    pub state: String,
}

impl Authorize {
    /// The URL, under `base` (at WeChat [`AUTHORIZE_URL`]). WeChat requires the
    /// parameters in this order and the fragment at the end.
    pub fn to_url(&self, base: &str) -> String {
        format!(
            "{base}?appid={}&redirect_uri={}&response_type=code&scope={}&state={}#wechat_redirect",
            encode(&self.appid),
            encode(&self.redirect_uri),
            self.scope.as_str(),
            encode(&self.state),
        )
    }

    /// Reads a URL, or only its query.
    pub fn read(uri: &str) -> Result<Self, FieldError> {
        let query = query_of(uri);
        if required(query, "response_type")? != "code" {
            return Err(Problem::UnknownValue.of("response_type"));
        }
        let scope = required(query, "scope")?;
        Ok(Self {
            appid: required(query, "appid")?,
            redirect_uri: required(query, "redirect_uri")?,
            scope: Scope::parse(&scope).ok_or(Problem::UnknownValue.of("scope"))?,
            state: optional(query, "state")?.unwrap_or_default(),
        })
    }

    /// The URL of step 2, with `code` and `state`.
    pub fn return_url(&self, code: &str) -> String {
        let (uri, fragment) = match self.redirect_uri.split_once('#') {
            Some((uri, fragment)) => (uri, format!("#{fragment}")),
            None => (self.redirect_uri.as_str(), String::new()),
        };
        let joint = if uri.contains('?') { '&' } else { '?' };
        let (code, state) = (encode(code), encode(&self.state));
        format!("{uri}{joint}code={code}&state={state}{fragment}")
    }
}

/// The request of step 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The official account.
    pub appid: String,
    /// Its app secret.
    pub secret: Secret,
    /// The code of step 2.
    pub code: Secret,
}

impl TokenRequest {
    /// The URL to get, under `base` (at WeChat [`ACCESS_TOKEN_URL`]). It
    /// contains the app secret: never log it.
    pub fn to_url(&self, base: &str) -> String {
        format!(
            "{base}?appid={}&secret={}&code={}&grant_type=authorization_code",
            encode(&self.appid),
            encode(self.secret.expose()),
            encode(self.code.expose()),
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
            code: Secret::new(take("code", ErrorCode::CodeMissing)?),
        };
        match required(query, "grant_type").as_deref() {
            Ok("authorization_code") => Ok(request),
            _ => Err(ErrorCode::InvalidGrantType),
        }
    }
}

/// The successful answer of step 3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The payer, under the appid that requested it.
    pub openid: String,
    /// Gives access to the payer's profile; a payment does not need it.
    pub access_token: Option<Secret>,
    /// How long `access_token` is valid.
    pub expires_in_seconds: Option<i64>,
    /// Renews `access_token`.
    pub refresh_token: Option<Secret>,
    /// The scopes granted, joined by commas.
    pub scope: String,
    /// The payer across one owner's accounts, where they are linked.
    pub unionid: Option<String>,
    /// `is_snapshotuser`: the page was opened in WeChat's snapshot mode, and
    /// the openid is a virtual one, made for this visit, that cannot pay.
    pub is_snapshot_user: bool,
}

/// Why there is no openid.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// WeChat refuses. The answer is not signed, so this does not repeat its
    /// text.
    #[error("WeChat refuses the code with {}", code.errcode())]
    Refused {
        /// `errcode`.
        code: ErrorCode,
        /// `errmsg`.
        errmsg: String,
    },
    /// Not a JSON object of at most 64 KiB.
    #[error("WeChat's answer is not the JSON object it should be")]
    Malformed,
    /// A field is not as the manual says.
    #[error("the answer's {0}")]
    Field(#[from] FieldError),
}

const MAX_BYTES: usize = 64 * 1024;

/// The members of an answer that is not a refusal.
///
/// Each member is parsed separately, so an unused one, such as a number of any
/// size, does not make the others unreadable. A member that cannot be parsed
/// becomes an empty list, which is a valid value of no field.
pub(crate) fn read_answer(bytes: &[u8]) -> Result<Value, TokenError> {
    if bytes.len() > MAX_BYTES {
        return Err(TokenError::Malformed);
    }
    let members: BTreeMap<String, &RawValue> =
        serde_json::from_slice(bytes).map_err(|_| TokenError::Malformed)?;
    let read = |text: &RawValue| serde_json::from_str(text.get()).unwrap_or_else(|_| json!([]));
    let members = members.into_iter().map(|(name, value)| (name, read(value)));
    let answer = Value::Object(members.collect());
    match answer.get("errcode") {
        None | Some(Value::Null) => Ok(answer),
        Some(errcode) => match errcode.as_i64() {
            Some(0) => Ok(answer),
            None => Err(Problem::NotANumber.of("errcode").into()),
            Some(errcode) => Err(TokenError::Refused {
                code: ErrorCode::from_errcode(errcode),
                errmsg: text(&answer, "errmsg").unwrap_or_default(),
            }),
        },
    }
}

impl Token {
    /// Reads the answer's body. Only the openid is required: a payment needs
    /// no token.
    pub fn read(bytes: &[u8]) -> Result<Self, TokenError> {
        let answer = read_answer(bytes)?;
        Ok(Self {
            openid: text(&answer, "openid").ok_or(Problem::Missing.of("openid"))?,
            access_token: text(&answer, "access_token").map(Secret::new),
            expires_in_seconds: answer.get("expires_in").and_then(Value::as_i64),
            refresh_token: text(&answer, "refresh_token").map(Secret::new),
            scope: text(&answer, "scope").unwrap_or_default(),
            unionid: text(&answer, "unionid"),
            // Any value except an explicit "no" means a virtual openid.
            is_snapshot_user: answer.get("is_snapshotuser").is_some_and(|flag| {
                !(flag.is_null() || *flag == json!(0) || *flag == json!(false) || *flag == "0")
            }),
        })
    }

    /// The answer's body, which contains the tokens.
    pub fn to_json(&self) -> String {
        let mut answer = json!({
            "expires_in": self.expires_in_seconds,
            "openid": self.openid,
            "scope": self.scope,
        });
        if let Some(access_token) = &self.access_token {
            insert(&mut answer, "access_token", access_token.expose());
        }
        if let Some(refresh_token) = &self.refresh_token {
            insert(&mut answer, "refresh_token", refresh_token.expose());
        }
        if let Some(unionid) = &self.unionid {
            insert(&mut answer, "unionid", unionid);
        }
        if let (true, Some(object)) = (self.is_snapshot_user, answer.as_object_mut()) {
            object.insert("is_snapshotuser".to_owned(), 1.into());
        }
        answer.to_string()
    }
}

fn insert(answer: &mut Value, field: &str, value: &str) {
    if let Some(object) = answer.as_object_mut() {
        object.insert(field.to_owned(), value.into());
    }
}

pub(crate) fn text(answer: &Value, field: &str) -> Option<String> {
    let value = answer.get(field)?.as_str()?;
    (!value.is_empty()).then(|| value.to_owned())
}

fn optional(query: &str, field: &'static str) -> Result<Option<String>, FieldError> {
    single(query, field).map_err(|()| Problem::BadFormat.of(field))
}

pub(crate) fn required(query: &str, field: &'static str) -> Result<String, FieldError> {
    match optional(query, field)? {
        None => Err(Problem::Missing.of(field)),
        Some(value) if value.is_empty() => Err(Problem::Empty.of(field)),
        Some(value) => Ok(value),
    }
}

macro_rules! error_codes {
    ($($variant:ident $errcode:literal $errmsg:literal $meaning:literal,)*) => {
        /// WeChat's `errcode`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)*
            /// One that is not in this list.
            Unknown(i64),
        }

        impl ErrorCode {
            /// Every code of this list.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code with this number.
            pub const fn from_errcode(errcode: i64) -> Self {
                match errcode {
                    $($errcode => Self::$variant,)*
                    other => Self::Unknown(other),
                }
            }

            /// The number.
            pub const fn errcode(self) -> i64 {
                match self {
                    $(Self::$variant => $errcode,)*
                    Self::Unknown(errcode) => errcode,
                }
            }

            /// WeChat's own text, as in `errmsg`.
            pub const fn errmsg(self) -> &'static str {
                match self {
                    $(Self::$variant => $errmsg,)*
                    Self::Unknown(_) => "unknown error",
                }
            }

            /// What it means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)*
                    Self::Unknown(_) => "WeChat refuses for a reason that is not in this list.",
                }
            }
        }
    };
}

error_codes! {
    Busy -1 "system error" "WeChat is busy; try again a little later.",
    RedirectNotRegistered 10003 "redirect_uri domain mismatch" "The host of redirect_uri is not registered for this appid.",
    InvalidCredential 40001 "invalid credential" "The app secret is not this appid's.",
    InvalidGrantType 40002 "invalid grant_type" "The grant type is not authorization_code.",
    InvalidOpenid 40003 "invalid openid" "The openid does not belong to this appid.",
    InvalidAppid 40013 "invalid appid" "There is no such appid.",
    InvalidCode 40029 "invalid code" "The code is wrong or expired; send the payer to authorize again.",
    InvalidAppSecret 40125 "invalid appsecret" "The app secret is wrong.",
    CodeUsed 40163 "code been used" "The code was exchanged before; send the payer to authorize again.",
    BlockedPayer 40226 "code blocked" "WeChat has blocked this payer as a risk.",
    AccessTokenMissing 41001 "access_token missing" "The call needs an access token.",
    AppidMissing 41002 "appid missing" "The request has no appid.",
    SecretMissing 41004 "appsecret missing" "The request has no app secret.",
    CodeMissing 41008 "missing code" "The request has no code.",
    AccessTokenExpired 42001 "access_token expired" "The access token has expired.",
    CodeExpired 42003 "code expired" "The code is older than five minutes; send the payer to authorize again.",
    RateLimited 45011 "api minute-quota reach limit" "Too many exchanges in a minute; wait before the next.",
    Unauthorized 48001 "api unauthorized" "The account has no right to this call.",
}

impl ErrorCode {
    /// The body with this code.
    pub fn to_json(self) -> String {
        json!({ "errcode": self.errcode(), "errmsg": self.errmsg() }).to_string()
    }

    /// Whether redirecting the payer to authorize again can help: only the code
    /// was invalid.
    pub const fn wants_new_code(self) -> bool {
        matches!(
            self,
            Self::InvalidCode | Self::CodeUsed | Self::CodeExpired | Self::CodeMissing
        )
    }
}
