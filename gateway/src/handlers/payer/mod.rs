//! What a payer's browser or Mini Program calls: the checkout's page, payment
//! links, Mini Programs, and the way to the payer's openid.

pub mod link;
pub mod mini;
pub mod page;
pub mod sign_in;
