//! The payers' Quick Pay codes: 18 digits that begin 10 to 15, valid for one
//! payment within a minute (WeChat Pay v2 manual, section 5).

use crate::moment::Moment;
use crate::table::Table;
use crate::wechat::payers::Payer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// How long a code can be used; the phone shows another one after it.
const LIFETIME_MS: i64 = 60_000;

/// A code is stored for a day, to distinguish an expired code from any 18
/// digits.
const REMEMBERED_MS: i64 = 86_400_000;

/// One code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PayCode {
    auth_code: String,
    pub(crate) payer: Payer,
    /// The behaviour when it is scanned; decided by the amount if `None`.
    pub(crate) behaviour: Option<Behaviour>,
    made_ms: i64,
    pub(crate) used: bool,
}

/// The behaviour of a code that a tester chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Behaviour {
    /// Paid at once, for any amount.
    Pays,
    /// The payer is asked for the password, for any amount.
    Password,
    /// `AUTHCODEEXPIRE`.
    Expired,
    /// `AUTH_CODE_ERROR`.
    Used,
    /// `NOTENOUGH`.
    Insufficient,
    /// `NOTSUPPORTCARD`.
    UnsupportedCard,
    /// Paid, without an answer.
    Silent,
    /// Paid, and `BANKERROR`.
    BankError,
}

impl Behaviour {
    /// Every behaviour.
    pub(crate) const ALL: [Self; 8] = [
        Self::Pays,
        Self::Password,
        Self::Expired,
        Self::Used,
        Self::Insufficient,
        Self::UnsupportedCard,
        Self::Silent,
        Self::BankError,
    ];

    /// The name in control calls.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pays => "pays",
            Self::Password => "password",
            Self::Expired => "expired",
            Self::Used => "used",
            Self::Insufficient => "insufficient",
            Self::UnsupportedCard => "unsupported_card",
            Self::Silent => "silent",
            Self::BankError => "bank_error",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|b| b.as_str() == name)
    }
}

impl PayCode {
    pub(crate) fn is_used(&self) -> bool {
        self.used || self.behaviour == Some(Behaviour::Used)
    }

    pub(crate) fn is_expired(&self, now_ms: i64) -> bool {
        self.behaviour == Some(Behaviour::Expired)
            || now_ms >= self.made_ms.saturating_add(LIFETIME_MS)
    }

    /// The form in control calls' answers.
    fn to_json(&self) -> Value {
        json!({
            "auth_code": self.auth_code,
            "payer": self.payer.as_str(),
            "behaviour": self.behaviour.map(Behaviour::as_str),
            "expires_ms": self.made_ms.saturating_add(LIFETIME_MS),
        })
    }
}

/// Makes a code, and deletes old ones.
pub(crate) fn make(
    codes: &mut Table<PayCode>,
    payer: Payer,
    behaviour: Option<Behaviour>,
    moment: &mut Moment<'_>,
) -> Value {
    let oldest_ms = moment.now_ms.saturating_sub(REMEMBERED_MS);
    codes.retain(|code| code.made_ms > oldest_ms);
    let mut auth_code = digits(moment);
    while codes.get(&auth_code).is_some() {
        auth_code = digits(moment);
    }
    let code = PayCode {
        auth_code: auth_code.clone(),
        payer,
        behaviour,
        made_ms: moment.now_ms,
        used: false,
    };
    let json = code.to_json();
    codes.insert(&auth_code, code);
    json
}

fn digits(moment: &mut Moment<'_>) -> String {
    let second = moment.text(b"012345", 1);
    format!("1{second}{}", moment.digits(16))
}
