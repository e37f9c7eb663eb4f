//! WeChat and the merchants, as fast as possible: every order is answered with
//! the same signed prepayment, and every delivery is acknowledged.
//!
//! The stub is a part of this process, so that the processor time of what is
//! measured does not contain it. The prepayment of v2 is a constant. That of
//! APIv3 is signed once a minute; its signature is valid for five.

use std::{
    io::{self, BufRead, BufReader, Error, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use testkit::{Failure, Result};

use super::signed;

const ACKNOWLEDGED: &str = "<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>";
const PREPAID_V3: &str = r#"{"prepay_id":"wx2018032814031291ad3ec6a30612345678"}"#;
/// How long a signature of the prepayment is used.
const RESIGNED: Duration = Duration::from_mins(1);
/// The nonce of every encrypted notice.
const NONCE: &[u8; 12] = b"fdasfsadsadf";

/// The running stub.
#[derive(Clone, Debug)]
pub struct Stub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    port: u16,
    key: RsaKeyPair,
    /// The answer to every unified order of v2.
    prepaid: String,
    prepaid_v3: Mutex<Option<(Instant, Vec<u8>)>>,
    asked: AtomicU64,
    answered: AtomicU64,
}

/// A notice of APIv3.
#[derive(Debug)]
pub struct Notice {
    /// Whole lines of its head.
    pub headers: Vec<String>,
    /// Its body.
    pub body: String,
}

impl Stub {
    /// Starts the stub; it ends with this process.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub fn start() -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new("start the stub", error, "see whether a port is free")
        };
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| failed(&error))?;
        let port = listener
            .local_addr()
            .map_err(|error| failed(&error))?
            .port();
        let der: String = signed::STUB_KEY
            .lines()
            .filter(|line| !line.starts_with("-----"))
            .collect();
        let der = STANDARD.decode(der).map_err(|error| failed(&error))?;
        let stub = Self(Arc::new(Inner {
            port,
            key: RsaKeyPair::from_pkcs8(&der).map_err(|error| failed(&error))?,
            prepaid: signed::prepaid(),
            prepaid_v3: Mutex::default(),
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }));
        let serving = stub.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let stub = serving.clone();
                // The other side has closed the connection.
                thread::spawn(move || stub.serve(connection).ok());
            }
        });
        Ok(stub)
    }

    /// The port on which it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The number of signed requests of APIv3 received, and of signed answers
    /// sent.
    #[must_use]
    pub fn exchanged(&self) -> (u64, u64) {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (read(&self.0.asked), read(&self.0.answered))
    }

    fn serve(&self, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut connection = BufReader::new(connection);
        let mut line = String::new();
        loop {
            line.clear();
            if connection.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            let (mut length, mut is_signed) = (0, false);
            loop {
                line.clear();
                connection.read_line(&mut line)?;
                let Some((name, value)) = line.trim_end().split_once(':') else {
                    break;
                };
                match name.to_ascii_lowercase().as_str() {
                    "content-length" => length = value.trim().parse().map_err(Error::other)?,
                    "transfer-encoding" => return Err(Error::other("a body without a length")),
                    "authorization" => is_signed = true,
                    _ => {}
                }
            }
            let mut body = vec![0; length];
            connection.read_exact(&mut body)?;
            if is_signed {
                self.0.asked.fetch_add(1, Ordering::Relaxed);
            }
            let answer = self.answer(&path)?;
            connection.get_mut().write_all(&answer)?;
        }
    }

    fn answer(&self, path: &str) -> io::Result<Vec<u8>> {
        match path {
            "/v3/global/transactions/jsapi" => {
                self.0.answered.fetch_add(1, Ordering::Relaxed);
                let mut kept = self
                    .0
                    .prepaid_v3
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                if let Some((made, answer)) = &*kept
                    && made.elapsed() < RESIGNED
                {
                    return Ok(answer.clone());
                }
                let headers = self.signature(PREPAID_V3)?;
                let answer = answer(200, &headers, PREPAID_V3);
                *kept = Some((Instant::now(), answer.clone()));
                Ok(answer)
            }
            // The merchant uses WeChat Pay's public key.
            "/v3/global/certificates" => Ok(answer(404, &[], "")),
            "/pay/unifiedorder" => Ok(answer(200, &[], &self.0.prepaid)),
            _ => Ok(answer(200, &[], ACKNOWLEDGED)),
        }
    }

    /// The headers that authenticate a body.
    fn signature(&self, body: &str) -> io::Result<Vec<String>> {
        let timestamp = now();
        let nonce = "5K8264ILTKCH16CQ2502SI8ZNMTM67VS";
        let message = format!("{timestamp}\n{nonce}\n{body}\n");
        let mut signature = vec![0; self.0.key.public().modulus_len()];
        self.0
            .key
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .map_err(|error| Error::other(error.to_string()))?;
        Ok(vec![
            "content-type: application/json".to_owned(),
            format!("wechatpay-timestamp: {timestamp}"),
            format!("wechatpay-nonce: {nonce}"),
            format!("wechatpay-serial: {}", signed::PUBLIC_KEY_ID),
            format!("wechatpay-signature: {}", STANDARD.encode(signature)),
        ])
    }

    /// A notice about a payment: encrypted, and signed.
    ///
    /// # Errors
    ///
    /// A key cannot be used.
    pub fn notice(&self, transaction: &Value) -> Result<Notice> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new("make a notice", error, "see bench/src/signed.rs")
        };
        let key = UnboundKey::new(&AES_256_GCM, signed::APIV3_KEY.as_bytes())
            .map_err(|error| failed(&error))?;
        let mut text = transaction.to_string().into_bytes();
        LessSafeKey::new(key)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(*NONCE),
                Aad::from("transaction"),
                &mut text,
            )
            .map_err(|error| failed(&error))?;
        let time = jiff::Timestamp::from_second(now()).map_err(|error| failed(&error))?;
        let time = time.strftime("%Y-%m-%dT%H:%M:%S+00:00");
        let body = json!({
            "id": "EV-2018022511223320873",
            "create_time": time.to_string(),
            "resource_type": "encrypt-resource",
            "event_type": "TRANSACTION.SUCCESS",
            "summary": "Payment successful",
            "resource": {
                "original_type": "transaction",
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": STANDARD.encode(text),
                "associated_data": "transaction",
                "nonce": String::from_utf8_lossy(NONCE),
            },
        })
        .to_string();
        let headers = self.signature(&body).map_err(|error| failed(&error))?;
        Ok(Notice { headers, body })
    }
}

/// Unix time in seconds.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or_default()
    })
}

fn answer(status: u16, headers: &[String], body: &str) -> Vec<u8> {
    let mut lines = vec![
        format!("HTTP/1.1 {status} As planned"),
        format!("content-length: {}", body.len()),
    ];
    lines.extend_from_slice(headers);
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}
