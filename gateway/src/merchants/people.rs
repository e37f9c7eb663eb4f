//! People: a merchant's staff, who sign in to the console.
//!
//! ```text
//! Person      what the merchant may see of one: name, role, limits
//! Secrets     the password and the second factor, sealed under the person's id
//! Invitation  a one-time link, by which a person joins or sets a new password
//! SignedIn    a person with the session of one browser
//! ```

use crate::merchants::seal::{MasterKey, SealError, fingerprint};
use crate::route::{Right, Role};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// A session ends when it was not used for this long: a week.
pub const IDLE_MS: i64 = 7 * 24 * 60 * 60 * 1000;
/// A session ends this long after its sign-in: thirty days.
pub const LONGEST_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// A person of a merchant's staff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The id, by which the log and the audit name the person.
    pub id: String,
    /// What the person signs in with; unique in the deployment.
    pub login: String,
    /// The person's name, for other people.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// The most that the refunds of one order may add up to when a cashier
    /// refunds, in the smallest unit of its currency; `None` for no refunds.
    pub refund_limit: Option<i64>,
    /// Whether a second factor is set up.
    pub has_totp: bool,
    /// How many recovery codes are left.
    pub codes_left: i64,
    /// Whether the sign-in is refused.
    pub is_off: bool,
    /// When the person joined, Unix milliseconds.
    pub made_at_ms: i64,
    /// When the person last signed in, Unix milliseconds.
    pub signed_in_at_ms: Option<i64>,
}

impl Person {
    /// Whether the person can return money.
    pub fn refunds(&self) -> bool {
        match self.role {
            Role::Cashier => self.refund_limit.is_some_and(|limit| limit > 0),
            role => role.has(Right::Refund),
        }
    }

    /// Whether the person must set up a second factor.
    pub fn needs_totp(&self) -> bool {
        !self.has_totp && (self.role == Role::Owner || self.refunds())
    }

    /// Whether the role permits this, without regard to the second factor.
    pub fn is_granted(&self, right: Right) -> bool {
        self.role.has(right) && (right != Right::Refund || self.refunds())
    }

    /// Whether the right is refused until the person sets up a second factor.
    /// An owner without one can only set it up.
    pub fn is_withheld(&self, right: Right) -> bool {
        let is_of_money = self.role == Role::Owner || right == Right::Refund;
        self.needs_totp() && is_of_money && right != Right::Account
    }
}

/// The secrets that a person signs in with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Secrets {
    /// The password's hash.
    pub password: PasswordHash,
    /// The second factor's secret, in base32.
    pub totp: Option<String>,
    /// A second factor that is not confirmed: its secret, and until when it can be,
    /// Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<(String, i64)>,
    /// The fingerprints of the recovery codes that are left.
    pub codes: Vec<String>,
}

/// A password's hash by Argon2id, with what it was computed with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PasswordHash {
    /// The memory, in KiB.
    pub memory_kib: u32,
    /// The passes over the memory.
    pub passes: u32,
    /// The salt, base64url.
    pub salt: String,
    /// The hash, base64url.
    pub hash: String,
}

impl Secrets {
    /// The secrets, sealed for this person.
    pub fn seal(
        &self,
        merchant: &str,
        person: &str,
        key: &MasterKey,
        nonce: [u8; 12],
    ) -> Result<String, SealError> {
        let json = serde_json::to_string(self)
            .map_err(|error| SealError::Unreadable(format!("{:?}", error.classify())))?;
        key.seal(&sealed_for(merchant, person), &json, nonce)
    }

    /// Opens what [`Secrets::seal`] sealed.
    pub fn open(
        merchant: &str,
        person: &str,
        key: &MasterKey,
        sealed: &str,
    ) -> Result<Self, SealError> {
        let json = key.open(&sealed_for(merchant, person), sealed)?;
        serde_json::from_str(&json)
            .map_err(|error| SealError::Unreadable(format!("{:?}", error.classify())))
    }

    /// Removes a recovery code. Whether it was one.
    pub fn use_code(&mut self, code: &str) -> bool {
        let print = fingerprint(code);
        let is_it = |kept: &String| bool::from(kept.as_bytes().ct_eq(print.as_bytes()));
        let before = self.codes.len();
        self.codes.retain(|kept| !is_it(kept));
        self.codes.len() < before
    }
}

/// Whether two names are one for a person who reads them: in any case of the letters,
/// and with any spaces.
pub fn is_same_name(one: &str, other: &str) -> bool {
    let read = |name: &str| {
        let words = name.split_whitespace().map(str::to_lowercase);
        words.collect::<Vec<_>>().join(" ")
    };
    read(one) == read(other)
}

/// The name under which a person's secrets are sealed: they open for no other one.
fn sealed_for(merchant: &str, person: &str) -> String {
    format!("person/{merchant}/{person}")
}

/// A one-time link to the console, as the merchant may see it: never its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// The beginning of the token's fingerprint.
    pub id: String,
    /// The role of the person that joins; of a link for a person, that person's.
    pub role: Role,
    /// See [`Person::refund_limit`].
    pub refund_limit: Option<i64>,
    /// The merchant's note about whom it is for.
    pub name: Option<String>,
    /// The person who sets a new password by it; `None` where a person joins.
    pub person: Option<String>,
    /// Who made it: the caller, as the audit names it.
    pub made_by: String,
    /// When it was made, Unix milliseconds.
    pub made_at_ms: i64,
    /// When it stops working, Unix milliseconds.
    pub expires_at_ms: i64,
}

/// One browser in which a person is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The beginning of its fingerprint.
    pub id: String,
    /// The browser's User-Agent, shortened.
    pub browser: String,
    /// When the person signed in, Unix milliseconds.
    pub signed_in_at_ms: i64,
    /// When it was last used, to an hour, Unix milliseconds.
    pub used_at_ms: i64,
}

impl Session {
    /// When it ends if it is not used again, Unix milliseconds.
    pub fn ends_at_ms(&self) -> i64 {
        (self.used_at_ms + IDLE_MS).min(self.signed_in_at_ms + LONGEST_MS)
    }
}

/// A person with the session that a request carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The person.
    pub person: Person,
    /// The session.
    pub session: Session,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role, refund_limit: Option<i64>, has_totp: bool) -> Person {
        Person {
            id: "p".to_owned(),
            login: "anna".to_owned(),
            name: "Anna".to_owned(),
            role,
            refund_limit,
            has_totp,
            codes_left: 0,
            is_off: false,
            made_at_ms: 0,
            signed_in_at_ms: None,
        }
    }

    #[test]
    fn money_is_returned_only_with_a_second_factor() {
        for (role, limit, withheld) in [
            (Role::Owner, None, true),
            (Role::Finance, None, true),
            (Role::Cashier, Some(500), true),
            (Role::Cashier, Some(0), false),
            (Role::Cashier, None, false),
            (Role::Developer, None, false),
            (Role::Viewer, None, false),
        ] {
            let without = person(role, limit, false);
            assert_eq!(without.is_withheld(Right::Refund), withheld, "{role:?}");
            assert_eq!(without.needs_totp(), withheld, "{role:?}");
            assert_eq!(without.is_granted(Right::Refund), withheld, "{role:?}");
            let is_owner = role == Role::Owner;
            assert_eq!(without.is_withheld(Right::Today), is_owner, "{role:?}");
            assert!(!without.is_withheld(Right::Account), "{role:?}");
            let with = person(role, limit, true);
            assert!(!Right::ALL.iter().any(|right| with.is_withheld(*right)));
        }
    }

    #[test]
    fn a_recovery_code_works_once() {
        let mut secrets = Secrets {
            password: PasswordHash {
                memory_kib: 8,
                passes: 1,
                salt: String::new(),
                hash: String::new(),
            },
            totp: None,
            begun: None,
            codes: vec![fingerprint("aaaaa-bbbbb"), fingerprint("ccccc-ddddd")],
        };
        assert!(!secrets.use_code("aaaaa-ccccc"));
        assert!(secrets.use_code("aaaaa-bbbbb"));
        assert!(!secrets.use_code("aaaaa-bbbbb"));
        assert_eq!(secrets.codes.len(), 1);
    }

    #[test]
    fn secrets_open_only_for_their_person() {
        let key = MasterKey::from_hex(&"1".repeat(64)).unwrap();
        let secrets = Secrets {
            password: PasswordHash {
                memory_kib: 8,
                passes: 1,
                salt: "s".to_owned(),
                hash: "h".to_owned(),
            },
            totp: Some("ABC".to_owned()),
            begun: None,
            codes: Vec::new(),
        };
        let sealed = secrets.seal("demo", "one", &key, [7; 12]).unwrap();
        let opened = Secrets::open("demo", "one", &key, &sealed).unwrap();
        assert_eq!(opened.totp.as_deref(), Some("ABC"));
        assert!(Secrets::open("demo", "two", &key, &sealed).is_err());
        assert!(Secrets::open("other", "one", &key, &sealed).is_err());
    }
}
