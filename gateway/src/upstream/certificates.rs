//! WeChat Pay's own keys, for the dialect v3: downloaded, stored by the
//! registry, and downloaded again before they expire and when a signature names
//! an unknown one.

use super::Upstream;
use super::v3::V3;
use crate::merchants::directory::Platform;
use crate::merchants::registry::command::KeepCertificates;
use crate::merchants::shards::ask;
use crate::observe::Log;
use crate::observe::alarm::Alarm;
use crate::runtime::{Response, Runtime};
use std::rc::Rc;
use wechatpay::rsa::Certificate;
use wechatpay::v3::Keyring;
use wechatpay::v3::certificates::{self, CertificatesError};

/// Certificates are downloaded twice a day, so that the next one is known
/// before the current one expires (checklist G9).
const REFRESH_MS: i64 = 12 * 60 * 60 * 1000;

/// The shortest time between two downloads, which a sender of notices with
/// invented serial numbers could otherwise cause.
const APART_MS: i64 = 60 * 1000;

/// The header that names the key.
const SERIAL: &str = "wechatpay-serial";

impl<R: Runtime> Upstream<'_, R> {
    /// The keys to verify an answer with whose signature names `serial`.
    pub async fn keyring(&self, serial: Option<&str>) -> Rc<Keyring> {
        let unknown = serial.is_some_and(|serial| self.is_unknown(serial));
        let patience_ms = if unknown { APART_MS } else { REFRESH_MS };
        let keyring = self.keyring_of(patience_ms).await;
        if let Some(serial) = serial
            && is_public_key_id(serial)
            && is_unknown(&keyring, serial)
        {
            self.context.note_problem(Alarm::PublicKeyUnknown, serial);
        }
        keyring
    }

    /// The keys to verify a notice with. WeChat waits five seconds for an
    /// answer (checklist G6), so only an unknown key is downloaded now;
    /// outdated ones are downloaded with the next answer.
    pub async fn keyring_for_notice(&self, serial: &str) -> Rc<Keyring> {
        match self.is_unknown(serial) {
            true => self.keyring_of(APART_MS).await,
            false => self.context.platform.borrow().keyring.clone(),
        }
    }

    fn is_unknown(&self, serial: &str) -> bool {
        is_unknown(&self.context.platform.borrow().keyring, serial)
    }

    /// The keys, downloaded again if the last download is older than this.
    async fn keyring_of(&self, patience_ms: i64) -> Rc<Keyring> {
        let platform = self.context.platform.borrow().clone();
        if self.runtime.now_ms() - platform.asked_at_ms >= patience_ms {
            self.refresh(platform).await;
        }
        self.context.platform.borrow().keyring.clone()
    }

    /// Downloads WeChat Pay's certificates. A failed or unverified download
    /// changes only its time.
    async fn refresh(&self, platform: Platform) {
        let has_none =
            platform.keyring.certificates.is_empty() && platform.keyring.public_key.is_none();
        if !has_none {
            // Set before the first await: concurrent callers use the stored
            // keys. Where there are none, they too must download.
            self.asked();
        }
        let pems = match self.download(&platform.keyring).await {
            Ok(certificates) => {
                let pems = certificates.iter().map(|c| c.pem().to_owned()).collect();
                self.context.platform.borrow_mut().keyring = Rc::new(Keyring {
                    certificates,
                    public_key: platform.keyring.public_key.clone(),
                });
                Some(pems)
            }
            Err(why) => {
                let id = &self.context.merchant.id;
                self.runtime
                    .log(format_args!("platform certificates of {id}: {why}"));
                None
            }
        };
        if has_none {
            self.asked();
        }
        let id = self.context.merchant.id.clone();
        // If they are not stored, they are downloaded again.
        if let Err(error) = ask(self.runtime, KeepCertificates { id, pems }).await {
            error.log_as(self.runtime, "platform certificates were not stored");
        }
    }

    fn asked(&self) {
        self.context.platform.borrow_mut().asked_at_ms = self.runtime.now_ms();
    }

    /// The certificates that are valid now. A known one that has not expired
    /// stays: an answer that it signed may still be in flight.
    async fn download(&self, held: &Keyring) -> Result<Vec<Certificate>, String> {
        let v3 = V3::of(self).ok_or("the merchant does not speak v3")?;
        let answer = v3
            .ask(certificates::request(v3.region()))
            .await
            .map_err(|failure| failure.name().to_owned())?
            .answer;
        // Where WeChat signs with a public key there are no certificates, and
        // this answer is signed with that key.
        if let Some(serial) = serial(&answer)
            && is_public_key_id(serial)
            && is_unknown(held, serial)
        {
            self.context.note_problem(Alarm::PublicKeyUnknown, serial);
        }
        if !wechatpay::v3::answer::is_success(answer.status().as_u16()) {
            return Err(format!("status {}", answer.status().as_u16()));
        }
        let now_ms = self.runtime.now_ms();
        let credentials = &self.context.credentials;
        let read = async |key| {
            certificates::read(
                header(&answer),
                answer.body(),
                key,
                held.public_key.clone(),
                now_ms,
                self.runtime,
            )
            .await
        };
        let mut fresh = read(&credentials.api_key).await;
        // During a rotation of the keys, WeChat may not have the new one yet.
        if let (Err(CertificatesError::Sealed { .. }), Some(previous)) =
            (&fresh, credentials.previous_api_key(now_ms))
        {
            fresh = read(previous).await;
        }
        let mut fresh = fresh.map_err(|error| match error {
            // These errors occur before the message is verified.
            CertificatesError::Json(_) => "no v3 message".to_owned(),
            CertificatesError::Sealed { error, .. } => error.to_string(),
            CertificatesError::Certificate { .. } => "no certificate".to_owned(),
            error => error.to_string(),
        })?;
        let serials: Vec<String> = fresh.iter().map(|c| c.serial_no().to_owned()).collect();
        let earlier = held.certificates.iter().filter(|c| {
            c.not_after_ms() > now_ms && !serials.iter().any(|serial| serial == c.serial_no())
        });
        fresh.extend(earlier.cloned());
        Ok(fresh)
    }
}

/// Whether a serial number is the id of a public key, which cannot be
/// downloaded.
pub fn is_public_key_id(serial: &str) -> bool {
    serial.strip_prefix("PUB_KEY_ID_").is_some_and(|rest| {
        (1..=53).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// An answer's headers by name.
pub(super) fn header<'a>(answer: &'a Response) -> impl Fn(&'static str) -> Option<&'a str> {
    move |name: &'static str| answer.headers().get(name)?.to_str().ok()
}

/// The serial number of the key that an answer says it is signed with.
pub(super) fn serial(answer: &Response) -> Option<&str> {
    answer.headers().get(SERIAL)?.to_str().ok()
}

fn is_unknown(keyring: &Keyring, serial: &str) -> bool {
    let public_key = keyring.public_key.as_ref();
    let mut certificates = keyring.certificates.iter();
    public_key.is_none_or(|(id, _)| id != serial)
        && !certificates.any(|c| c.serial_no().eq_ignore_ascii_case(serial))
}
