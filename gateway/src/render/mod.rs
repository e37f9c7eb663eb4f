//! Pictures of codes, and the sheet that is printed.

pub mod print;
pub mod qr;
