//! Echo: the official self-test. Its answer proves that the merchant's
//! signature is accepted, and that WeChat's can be verified.
//!
//! ```text
//! POST /v3/security/echo
//!   echo_message [notify_url]
//! answer
//!   echo_message
//! ```

use super::answer::AnswerError;
use super::json::set;
use super::keyring::Verified;
use super::payment::check_echo;
use super::request::{Incoming, Outgoing, RequestError};
use crate::common::Text;
use crate::common::json::Document;
use crate::common::prepay::NotifyUrl;
use serde_json::{Map, json};

/// Where to send the request, in either region.
pub const PATH: &str = "/v3/security/echo";

/// A message that WeChat returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The text.
    pub echo_message: Text<1024>,
    /// The URL for a notice, to test that too.
    pub notify_url: Option<NotifyUrl>,
}

impl Request {
    /// The request to send.
    pub fn outgoing(&self) -> Outgoing {
        let mut fields = Map::new();
        set(
            &mut fields,
            "echo_message",
            Some(self.echo_message.as_str()),
        );
        set(
            &mut fields,
            "notify_url",
            self.notify_url.as_ref().map(NotifyUrl::as_str),
        );
        Outgoing::post(PATH.to_owned(), fields)
    }

    /// Reads a request.
    pub fn read(request: &Incoming<'_>) -> Result<Self, RequestError> {
        let document = request.document()?;
        let root = document.root();
        let notify_url = match root.has("notify_url") {
            false => None,
            true => Some(root.parsed("notify_url", 256, NotifyUrl::new)?),
        };
        Ok(Self {
            echo_message: root.limited("echo_message")?,
            notify_url,
        })
    }
}

/// Reads the verified answer to `request`, which must contain the same text.
pub fn read_answer(verified: Verified<'_>, request: &Request) -> Result<(), AnswerError> {
    let document = Document::parse(verified.bytes())?;
    let root = document.root();
    root.text("echo_message", 1024)?;
    check_echo(&root, "echo_message", request.echo_message.as_str())
}

/// The body of the answer.
pub fn answer_json(request: &Request) -> String {
    json!({ "echo_message": request.echo_message.as_str() }).to_string()
}
