//! What the payer meets, shared by the page and the server.
//!
//! In scope: where the payer is ([`Environment`]), what can be done there
//! ([`plan`]), the messages that travel between page and server ([`view`]),
//! how an amount is written ([`format_amount`]), every text the payer reads
//! ([`texts`]), and the frame of the page that the server fills in ([`html`]).
//!
//! Not in scope: the browser, HTTP, the clock, WeChat's own messages, and
//! anything that decides whether money moved. Everything here is a pure
//! function or a plain value, and there is no floating point in it.

mod amount;
mod environment;
pub mod html;
mod lang;
mod lines;
pub mod link;
mod plan;
mod texts;
pub mod view;

pub use amount::format_amount;
pub use environment::{App, Device, Environment, Version};
pub use lang::Lang;
pub use lines::Line;
pub use plan::{MINI_PROGRAM_PAGE, Method, Offers, Reason, plan};
pub use texts::{Message, Texts, fill, texts};
pub use view::{
    Check, ErrorAnswer, Hint, Jsapi, LOOK, Link, PING, PONG, Page, PageError, Prepared, Problem,
    Qr, Standing, State, View,
};
