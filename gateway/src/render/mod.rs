//! Pictures of QR codes, and the sheet that a merchant prints.

pub mod print;
pub mod qr;
