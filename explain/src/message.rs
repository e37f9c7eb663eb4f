//! Reads the pasted text: a document, a package, or an HTTP message with its
//! head.
//!
//! The reader is lenient where the gateway is strict, so that a message which
//! WeChat would refuse for its form is explained too.

use quick_xml::events::Event;
use quick_xml::reader::Reader;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;
use thiserror::Error;

/// The largest message, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// The forms of signed messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A request, an answer or a notice of v2, in XML.
    V2Document,
    /// The parameters for `WeixinJSBridge`, `wx.requestPayment` or an app, of
    /// v2.
    V2Package,
    /// A request, an answer or a notice of iOnline.
    Ionline,
    /// A request of `APIv3`.
    V3Request,
    /// An answer or a notice of `APIv3`.
    V3Answer,
    /// The parameters for `WeixinJSBridge`, `wx.requestPayment` or an app, of
    /// `APIv3`.
    V3Package,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2Document => "a WeChat Pay v2 document",
            Self::V2Package => "a package of WeChat Pay v2 that opens the payment",
            Self::Ionline => "an iOnline message",
            Self::V3Request => "a request of WeChat Pay APIv3",
            Self::V3Answer => "an answer or notice of WeChat Pay APIv3",
            Self::V3Package => "a package of WeChat Pay APIv3 that opens the payment",
        })
    }
}

/// The reason why a text is not a signed message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// The text is empty, or only white space.
    #[error("the message is empty")]
    Empty,
    /// The text has more than [`MAX_BYTES`].
    #[error("the message has more than {MAX_BYTES} bytes")]
    TooLong,
    /// The text has none of the known forms.
    #[error(
        "the message is neither XML, a form, a package in JSON, nor an HTTP message with an Authorization or \
         Wechatpay-Signature header"
    )]
    Unknown,
    /// The text looks like XML and cannot be read.
    #[error("the message looks like XML and cannot be read: {0}")]
    Xml(String),
    /// The text looks like JSON and cannot be read.
    #[error("the message looks like JSON and cannot be read: {0}")]
    Json(String),
    /// A header that the signature needs is missing.
    #[error("the HTTP message has no header {0}; paste all its headers")]
    NoHeader(&'static str),
    /// The `Authorization` header lacks one of its parameters.
    #[error("the Authorization header has no {0}")]
    NoParameter(&'static str),
    /// The text has the headers of a request without its first line.
    #[error(
        "the request has no first line; paste it too, e.g. POST /v3/pay/transactions/jsapi HTTP/1.1"
    )]
    NoRequestLine,
}

/// A message whose fields are signed by name.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub form: Form,
    pub fields: Vec<Field>,
    /// The name of the field that holds the signature.
    pub sign_name: &'static str,
    /// Answers and notices are signed with the method of their request, which
    /// they do not name.
    pub is_answer: bool,
    pub in_gbk: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub name: String,
    pub value: String,
    /// The value as it is written in the message, with XML's references.
    pub written: String,
}

impl Document {
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name == name);
        field
            .map(|field| field.value.as_str())
            .filter(|value| !value.is_empty())
    }
}

/// A message that is signed as lines.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub form: Form,
    /// The method and the target, when it is a request.
    pub request: Option<(String, String)>,
    pub host: Option<String>,
    /// The appid, when it is a package.
    pub appid: Option<String>,
    pub timestamp: String,
    pub nonce: String,
    /// The body of an HTTP message, or the last line of a package.
    pub body: Vec<u8>,
    /// Whether `Content-Length` says where the body ends.
    pub is_exact: bool,
    pub signature: String,
    pub serial: Option<String>,
}

pub(crate) enum Message {
    Symmetric(Document),
    Lines(Signed),
}

pub(crate) fn read(message: &[u8]) -> Result<Message, Unreadable> {
    if message.len() > MAX_BYTES {
        return Err(Unreadable::TooLong);
    }
    let message = message.strip_prefix(b"\xef\xbb\xbf").unwrap_or(message);
    let message = message.trim_ascii_start();
    if message.is_empty() {
        return Err(Unreadable::Empty);
    }
    let head = Head::read(message);
    let (head, body) = match head {
        Some((head, body)) => (Some(head), body),
        None => (None, message),
    };
    if let Some(head) = &head {
        if let Some(signature) = head.get("wechatpay-signature") {
            return answer(head, signature, body).map(Message::Lines);
        }
        if let Some(authorization) = head.get("authorization") {
            return request(head, authorization, body).map(Message::Lines);
        }
    }
    let (text, in_gbk) = match std::str::from_utf8(body) {
        Ok(text) => (text.to_owned(), false),
        Err(_) => (encoding_rs::GBK.decode(body).0.into_owned(), true),
    };
    let text = text.trim();
    if text.starts_with('<') {
        return xml(text, in_gbk).map(Message::Symmetric);
    }
    if text.starts_with('{') {
        return json(text, in_gbk);
    }
    let has_pairs = text.contains("sign=") && text.contains('&') && !text.contains('\n');
    match has_pairs {
        true => Ok(Message::Symmetric(form(text, in_gbk))),
        false => Err(Unreadable::Unknown),
    }
}

/// An HTTP message's first line and headers.
struct Head {
    request: Option<(String, String)>,
    headers: HashMap<String, String>,
}

impl Head {
    /// `None` when the text does not begin with a head.
    fn read(message: &[u8]) -> Option<(Self, &[u8])> {
        let ends = |end: &[u8]| {
            let at = message
                .windows(end.len())
                .position(|window| window == end)?;
            Some((at, at + end.len()))
        };
        let (head, body) = match (ends(b"\r\n\r\n"), ends(b"\n\n")) {
            (Some(one), Some(other)) => one.min(other),
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => (message.len(), message.len()),
        };
        let body = message.get(body..)?;
        let head = std::str::from_utf8(message.get(..head)?).ok()?;
        let mut lines = head.lines().peekable();
        let first = lines.peek()?;
        let mut request = None;
        if let Some((method, rest)) = first.split_once(' ')
            && !method.is_empty()
            && method.bytes().all(|b| b.is_ascii_alphabetic())
        {
            let target = rest.split(' ').next().unwrap_or_default();
            request = Some((method.to_owned(), target.to_owned()));
            lines.next();
        } else if first.starts_with("HTTP/") {
            lines.next();
        }
        let mut headers = HashMap::new();
        for line in lines {
            let (name, value) = line.split_once(':')?;
            if name.contains(['<', '{', '&', '"', ' ']) {
                return None;
            }
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        (!headers.is_empty()).then_some((Self { request, headers }, body))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The body, and whether a header says where it ends.
    fn body<'b>(&self, body: &'b [u8]) -> (&'b [u8], bool) {
        let length = self
            .get("content-length")
            .and_then(|n| n.parse::<usize>().ok());
        let cut = length.and_then(|length| body.split_at_checked(length));
        match cut {
            Some((body, rest)) if rest.trim_ascii().is_empty() => (body, true),
            _ => (body, false),
        }
    }
}

fn answer(head: &Head, signature: &str, body: &[u8]) -> Result<Signed, Unreadable> {
    let required = |name: &'static str| {
        let value = head.get(&name.to_ascii_lowercase());
        value.map(str::to_owned).ok_or(Unreadable::NoHeader(name))
    };
    let (body, is_exact) = head.body(body);
    Ok(Signed {
        form: Form::V3Answer,
        request: None,
        host: None,
        appid: None,
        timestamp: required("Wechatpay-Timestamp")?,
        nonce: required("Wechatpay-Nonce")?,
        body: body.to_vec(),
        is_exact,
        signature: signature.to_owned(),
        serial: head.get("wechatpay-serial").map(str::to_owned),
    })
}

fn request(head: &Head, authorization: &str, body: &[u8]) -> Result<Signed, Unreadable> {
    let list = authorization
        .split_once(char::is_whitespace)
        .map_or(authorization, |(_, list)| list);
    let mut parameters = HashMap::new();
    for pair in list.split(',') {
        if let Some((name, value)) = pair.trim().split_once('=') {
            parameters.insert(name.trim(), value.trim().trim_matches('"'));
        }
    }
    let required = |name: &'static str| {
        let value = parameters.get(name).filter(|value| !value.is_empty());
        value
            .map(|value| (*value).to_owned())
            .ok_or(Unreadable::NoParameter(name))
    };
    let (body, is_exact) = head.body(body);
    let (method, target) = head.request.clone().ok_or(Unreadable::NoRequestLine)?;
    // A request to a proxy has the whole URL in its first line.
    let (host, target) = match target.split_once("://") {
        Some((_, rest)) => match rest.find('/') {
            Some(at) => {
                let (host, path) = rest.split_at(at);
                (Some(host.to_owned()), path.to_owned())
            }
            None => (Some(rest.to_owned()), "/".to_owned()),
        },
        None => (None, target),
    };
    Ok(Signed {
        form: Form::V3Request,
        request: Some((method, target)),
        host: host.or_else(|| head.get("host").map(str::to_owned)),
        appid: None,
        timestamp: required("timestamp")?,
        nonce: required("nonce_str")?,
        body: body.to_vec(),
        is_exact,
        signature: required("signature")?,
        serial: parameters
            .get("serial_no")
            .map(|serial| (*serial).to_owned()),
    })
}

fn xml(text: &str, in_gbk: bool) -> Result<Document, Unreadable> {
    let wrong = |problem: &dyn fmt::Display| Unreadable::Xml(problem.to_string());
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut fields: Vec<Field> = Vec::new();
    let mut open: Option<Field> = None;
    let (mut depth, mut has_cdata) = (0_usize, false);
    loop {
        match reader.read_event().map_err(|error| wrong(&error))? {
            Event::Start(tag) => {
                depth += 1;
                if depth == 2 {
                    has_cdata = false;
                    open = Some(Field {
                        name: tag.name().as_ref().to_owned(),
                        value: String::new(),
                        written: String::new(),
                    });
                } else if depth > 2 {
                    let field = open.as_ref().map_or("", |field| &field.name);
                    return Err(wrong(&format_args!(
                        "the field {field} has an element inside"
                    )));
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    fields.extend(open.take());
                }
            }
            Event::Text(raw) => {
                if let Some(field) = &mut open {
                    // White space around a CDATA section is layout and not part
                    // of the value.
                    if !(raw.trim().is_empty() && (has_cdata || field.value.is_empty())) {
                        field.value.push_str(&raw);
                        field.written.push_str(&raw);
                    }
                }
            }
            Event::CData(raw) => {
                has_cdata = true;
                if let Some(field) = &mut open {
                    field.value.push_str(&raw);
                    field.written.push_str(&raw);
                }
            }
            Event::GeneralRef(name) => {
                let resolved = match &*name {
                    "amp" => Some('&'),
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => name.resolve_char_ref().ok().flatten(),
                };
                let resolved = resolved.ok_or_else(|| wrong(&format_args!("&{};", &*name)))?;
                if let Some(field) = &mut open {
                    field.value.push(resolved);
                    field.written.push_str(&format!("&{};", &*name));
                }
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if depth > 0 || fields.is_empty() {
        return Err(wrong(&"it has no fields, or ends too early"));
    }
    let has = |name: &str| fields.iter().any(|field| field.name == name);
    let is_ionline = has("service") || (has("result_code") && has("status"));
    Ok(Document {
        form: if is_ionline {
            Form::Ionline
        } else {
            Form::V2Document
        },
        is_answer: has("return_code"),
        fields,
        sign_name: "sign",
        in_gbk,
    })
}

fn form(text: &str, in_gbk: bool) -> Document {
    let decoded = |text: &str| {
        let (bytes, _) = decode(text);
        String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let fields: Vec<Field> = pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Field {
                name: decoded(name),
                value: decoded(value),
                written: value.to_owned(),
            }
        })
        .collect();
    let is_ionline = fields.iter().any(|field| field.name == "service");
    Document {
        form: if is_ionline {
            Form::Ionline
        } else {
            Form::V2Document
        },
        fields,
        sign_name: "sign",
        is_answer: false,
        in_gbk,
    }
}

fn json(text: &str, in_gbk: bool) -> Result<Message, Unreadable> {
    let members: HashMap<String, Box<RawValue>> =
        serde_json::from_str(text).map_err(|error| Unreadable::Json(error.to_string()))?;
    let order: serde_json::Map<String, Value> =
        serde_json::from_str(text).map_err(|error| Unreadable::Json(error.to_string()))?;
    let value_of = |name: &str| match order.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => members
            .get(name)
            .map(|raw| raw.get().to_owned())
            .unwrap_or_default(),
    };
    let names = ["paySign", "sign"];
    let sign_name = names.into_iter().find(|name| order.contains_key(*name));
    let sign_name = sign_name.ok_or(Unreadable::Unknown)?;
    let signature = value_of(sign_name);
    let is_package = sign_name == "paySign" || order.contains_key("prepayid");
    let is_rsa = value_of("signType") == "RSA" || signature.len() > 100;
    if is_package && is_rsa {
        let either = |one: &str, other: &str| match order.contains_key(one) {
            true => value_of(one),
            false => value_of(other),
        };
        let last = if sign_name == "paySign" {
            "package"
        } else {
            "prepayid"
        };
        return Ok(Message::Lines(Signed {
            form: Form::V3Package,
            request: None,
            host: None,
            appid: Some(either("appId", "appid")),
            timestamp: either("timeStamp", "timestamp"),
            nonce: either("nonceStr", "noncestr"),
            body: value_of(last).into_bytes(),
            is_exact: true,
            signature,
            serial: None,
        }));
    }
    let fields = order.keys().map(|name| Field {
        name: name.clone(),
        value: value_of(name),
        written: value_of(name),
    });
    Ok(Message::Symmetric(Document {
        form: if is_package {
            Form::V2Package
        } else {
            Form::Ionline
        },
        fields: fields.collect(),
        sign_name,
        is_answer: !is_package,
        in_gbk,
    }))
}

/// Decodes `%XX` and `+`; the second value is true when anything was encoded.
pub(crate) fn decode(text: &str) -> (Vec<u8>, bool) {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut was_encoded = false;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        let digits = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        match (
            first,
            digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
                was_encoded = true;
            }
            (b'+', _) => {
                bytes.push(b' ');
                was_encoded = true;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    (bytes, was_encoded)
}
