//! Requests of the in-memory gateway, and the faults that they may meet.

/// How the network to WeChat behaves for the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// It works.
    Works,
    /// The request never arrives.
    LosesRequest,
    /// The request arrives and has its effect; the answer is lost.
    LosesAnswer,
    /// The answer's signature is changed on the way.
    ForgesAnswer,
    /// A server in between answers 502.
    Answers502,
    /// Instead of its answer comes the one before, once more.
    AnswersAsBefore,
    /// A proxy in between answers with a status, a body, and headers of a
    /// signature under a key with this serial number.
    Proxy(u16, &'static str, &'static str),
}

/// A document that the merchant received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// When.
    pub at_ms: i64,
    /// Where.
    pub url: String,
    /// The request's id that it names.
    pub request_id: String,
    /// How it is signed.
    pub signature: String,
    /// What.
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
