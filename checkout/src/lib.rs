//! The payer's side of a checkout, shared by the page and the server.
//!
//! In scope: the payer's environment ([`Environment`]), the payment method
//! there ([`plan`]), the messages between page and server ([`view`]), the
//! formatting of amounts ([`format_amount`]), a merchant's colour and shades of it
//! that can be read ([`Colour`]), every text for the payer
//! ([`texts`]), and the page's HTML template, which the server fills in
//! ([`html`]).
//!
//! Not in scope: the browser, HTTP, the clock, WeChat's own messages, and every
//! decision about whether money moved. Everything here is a pure function or a
//! plain value, without floating-point numbers.

mod amount;
mod brand;
mod colour;
mod environment;
mod escape;
pub mod fields;
pub mod html;
mod lang;
mod lines;
pub mod link;
mod number;
mod plan;
mod texts;
pub mod view;

pub use amount::{format_amount, format_minor};
pub use colour::{Colour, Shades, monogram};
pub use environment::{App, Device, Environment, Version};
pub use escape::escape;
pub use lang::Lang;
pub use lines::Line;
pub use number::draw_number;
pub use plan::{MINI_PROGRAM_PAGE, Method, Offers, Reason, plan};
pub use texts::{Message, Texts, fill, texts};
pub use view::{
    Brand, Check, CheckoutStatus, Contents, ErrorAnswer, Hint, Jsapi, LOOK, Link, PING, PONG, Page,
    PageError, PaidFacts, Payment, Prepared, Problem, Qr, State, View,
};
