//! Effects: the actions that the page executes after an event.

use checkout::{Hint, Jsapi};

/// An action for `page` to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// `POST /pay/order`, answered by `Event::Ordered`.
    PostOrder,
    /// `POST /pay/check`, answered by `Event::Seen`.
    PostCheck(Option<Hint>),
    /// `GET /pay/status`, answered by `Event::Seen`.
    GetStatus,
    /// Connect to `GET /pay/live`; each message is an `Event::Live`.
    Connect,
    /// Send a ping, answered by `Pong`.
    Ping,
    /// Close the connection; no further message arrives.
    Disconnect,
    /// Send `Event::BridgeReady` if the bridge exists.
    LookForBridge,
    /// `getBrandWCPayRequest`, answered by `Event::BridgeSaid`.
    CallBridge {
        /// Distinguishes this call's answer from an earlier call's.
        call: u32,
        /// The signed package for the bridge.
        package: Jsapi,
    },
    /// Ask the surrounding Mini Program for its payment page, answered by
    /// `Event::PageOpened`.
    OpenPage,
    /// Copy this text, or the page's own address if `None`; answered by
    /// `Event::Copied`.
    Copy(Option<String>),
    /// Reload the page.
    Reload,
    /// Ask the bridge to close WeChat's window. There is no answer.
    CloseWindow,
    /// Navigate to this address; the payer may return.
    Go(String),
}
