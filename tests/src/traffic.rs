//! Requests of the in-memory gateway, and their faults.

/// The network's fault for the next request to WeChat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// It works.
    Works,
    /// The request is lost.
    LosesRequest,
    /// The request has its effect; the answer is lost.
    LosesAnswer,
    /// The answer's signature is changed in transit.
    ForgesAnswer,
    /// A server in between answers 502.
    Answers502,
    /// The previous answer is sent again instead.
    AnswersAsBefore,
    /// A proxy answers with a status, a body, and headers of a signature under
    /// a key with this serial number.
    Proxy(u16, &'static str, &'static str),
}

/// A document that the merchant received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When it was received, Unix milliseconds.
    pub at_ms: i64,
    /// The URL that it was sent to.
    pub url: String,
    /// The request's id in its header.
    pub request_id: String,
    /// Its signature header.
    pub signature: String,
    /// Every header.
    pub headers: http::HeaderMap,
    /// The body.
    pub body: String,
}

/// A request to WeChat that was answered.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path_and_query: String,
    /// The request's body.
    pub body: String,
    /// The answer's status.
    pub status: u16,
    /// The answer's body.
    pub answer: String,
}
