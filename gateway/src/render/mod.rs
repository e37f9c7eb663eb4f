//! Pictures: QR codes, monograms, the images that merchants send, and the sheet
//! that a merchant prints.

pub mod image;
pub mod monogram;
mod png;
pub mod print;
pub mod qr;
pub mod receipt;
