//! Inputs made from inputs with a seed, as fuzzers do.

use memory_runtime::random::Random;

/// Words that readers know, and values at their limits.
const WORDS: [&[u8]; 46] = [
    b"<xml>",
    b"</xml>",
    b"<![CDATA[",
    b"]]>",
    b"<!DOCTYPE a [<!ENTITY b \"c\">]>",
    b"&lt;",
    b"&#0;",
    b"&b;",
    b"<?xml version=\"1.0\"?>",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"\\u0000",
    b"\\ud800",
    b":",
    b",",
    b"null",
    b"true",
    b"0",
    b"-1",
    b"1e999",
    b"2147483647",
    b"2147483648",
    b"9223372036854775807",
    b"18446744073709551616",
    b"1.0000000000000000000001",
    b"\r\n",
    b"\n\n",
    b"%00",
    b"%",
    b"+",
    b"&",
    b"=",
    b";",
    b"\xff",
    b"\xef\xbb\xbf",
    "汉".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{1f375}".as_bytes(),
    b"sign",
    b"SUCCESS",
    b"2026-02-30T25:61:61+99:99",
    b"-----BEGIN CERTIFICATE-----\n",
    b"A==",
];

/// An input of the corpus, changed a few times.
pub(super) fn one(random: &Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = match corpus.is_empty() {
        true => Vec::new(),
        false => random.pick(corpus),
    };
    for _ in 0..=random.below(6) {
        change(random, corpus, &mut input);
    }
    input
}

fn change(random: &Random, corpus: &[Vec<u8>], input: &mut Vec<u8>) {
    let at = random.below(input.len() + 1);
    let to = (at + random.below(1 + random.pick(&[4, 16, 256]))).min(input.len());
    match random.below(10) {
        0 if at < input.len() => input[at] ^= 1 << random.below(8),
        1 if at < input.len() => {
            let mut byte = [0];
            random.fill(&mut byte);
            input[at] = byte[0];
        }
        2 => {
            input.drain(at..to);
        }
        // A piece is repeated.
        3 => {
            let piece = input[at..to].to_vec();
            let times = random.pick(&[1, 2, 40]);
            for _ in 0..times {
                input.splice(at..at, piece.iter().copied());
            }
        }
        4 => input.truncate(at),
        5 => {
            let mut bytes = vec![0; random.below(24)];
            random.fill(&mut bytes);
            input.splice(at..at, bytes);
        }
        // The end of another input.
        6 if !corpus.is_empty() => {
            let other = random.pick(corpus);
            let from = random.below(other.len() + 1);
            input.splice(at.., other[from..].iter().copied());
        }
        // A number is replaced by another.
        7 => {
            if let Some(digits) = digits(input, at) {
                let other = random.pick(&WORDS[20..28]);
                input.splice(digits, other.iter().copied());
            }
        }
        8 => {
            let word = random.pick(&WORDS);
            input.splice(at..to, word.iter().copied());
        }
        _ => {
            let word = random.pick(&WORDS);
            input.splice(at..at, word.iter().copied());
        }
    }
}

/// The first digits at or after a position.
fn digits(input: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let from = at + input[at..].iter().position(u8::is_ascii_digit)?;
    let length = input[from..]
        .iter()
        .take_while(|b| b.is_ascii_digit())
        .count();
    Some(from..from + length)
}
