//! Patterns that find a place in the sources, also after a change of format,
//! file or names.
//!
//! A pattern is compared token by token: a token is a word or a single sign.
//! White space and comment lines do not count. The text of a string is tokens
//! too, so that SQL can be changed. `$name` stands for any tokens with balanced
//! brackets, as few as fit; in the replacement, `$name` is the same text. Write
//! a name that another change may rename as `$name`.

use std::{collections::BTreeMap, ops::Range};

/// The most tokens that one `$name` can stand for.
const LONGEST: usize = 120;

/// A place that a pattern fits.
#[derive(Debug, PartialEq, Eq)]
pub struct Match<'a> {
    /// The bytes from the first token to the last.
    pub at: Range<usize>,
    /// The text that each `$name` stands for.
    names: BTreeMap<&'a str, &'a str>,
}

/// A source as a list of tokens.
#[derive(Debug)]
pub struct Source<'a> {
    text: &'a str,
    tokens: Vec<Range<usize>>,
}

/// A part of a pattern.
enum Part<'a> {
    Token(&'a str),
    Name(&'a str),
}

impl<'a> Source<'a> {
    /// Splits `text` into tokens.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let tokens = tokens(text);
        Self { text, tokens }
    }

    /// Every place that `pattern` fits; they do not overlap. A pattern begins and ends with a token.
    #[must_use]
    pub fn find(&self, pattern: &'a str) -> Vec<Match<'a>> {
        let parts = parts(pattern);
        let mut found: Vec<Match<'a>> = Vec::new();
        let mut from = 0;
        while from < self.tokens.len() {
            let mut names = BTreeMap::new();
            let end = self.fits(from, &parts, &mut names);
            let span = end.and_then(|end| {
                let (first, last) = (
                    self.tokens.get(from)?,
                    self.tokens.get(end.checked_sub(1)?)?,
                );
                Some((first.start..last.end, end))
            });
            match span {
                Some((at, end)) => {
                    found.push(Match { at, names });
                    from = end;
                }
                None => from += 1,
            }
        }
        found
    }

    /// The index of the first token after the pattern, if it fits from this
    /// token on.
    fn fits(
        &self,
        from: usize,
        parts: &[Part<'a>],
        names: &mut BTreeMap<&'a str, &'a str>,
    ) -> Option<usize> {
        let (part, rest) = match parts.split_first() {
            None => return Some(from),
            Some(parts) => parts,
        };
        match part {
            Part::Token(wanted) => {
                let is_there = self.token(from)? == *wanted;
                is_there.then(|| self.fits(from + 1, rest, names))?
            }
            Part::Name(name) => {
                let mut depth = 0_i32;
                for to in from..from + LONGEST {
                    match self.token(to)? {
                        "(" | "[" | "{" => depth += 1,
                        ")" | "]" | "}" => depth -= 1,
                        _ => {}
                    }
                    if depth < 0 {
                        return None;
                    }
                    if depth > 0 {
                        continue;
                    }
                    let text = self
                        .text
                        .get(self.tokens.get(from)?.start..self.tokens.get(to)?.end)?;
                    if names.get(name).is_some_and(|known| *known != text) {
                        continue;
                    }
                    let mut tried = names.clone();
                    tried.insert(name, text);
                    if let Some(end) = self.fits(to + 1, rest, &mut tried) {
                        *names = tried;
                        return Some(end);
                    }
                }
                None
            }
        }
    }

    fn token(&self, at: usize) -> Option<&'a str> {
        self.text.get(self.tokens.get(at)?.clone())
    }
}

impl Match<'_> {
    /// `text` with this place replaced by `replacement`.
    #[must_use]
    pub fn replaced(&self, text: &str, replacement: &str) -> String {
        let mut new = replacement.to_owned();
        // The longest name first: the name `$attempt` begins with `$at`.
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        for (name, value) in names {
            new = new.replace(&format!("${name}"), value);
        }
        let before = text.get(..self.at.start).unwrap_or_default();
        let behind = text.get(self.at.end..).unwrap_or_default();
        format!("{before}{new}{behind}")
    }
}

/// Whether `text` contains every token of `pattern`. If not, it need not be
/// split into tokens.
#[must_use]
pub fn has_tokens(text: &str, pattern: &str) -> bool {
    parts(pattern).iter().all(|part| match part {
        Part::Token(token) => text.contains(token),
        Part::Name(_) => true,
    })
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words and the single signs, without white space and comment lines.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut line_start = 0;
    for line in text.split_inclusive('\n') {
        if !line.trim_start().starts_with("//") {
            let mut chars = line.char_indices().peekable();
            while let Some((at, c)) = chars.next() {
                let mut end = at + c.len_utf8();
                if c.is_whitespace() {
                    continue;
                }
                while let Some((_, next)) =
                    chars.next_if(|(_, next)| is_of_word(c) && is_of_word(*next))
                {
                    end += next.len_utf8();
                }
                tokens.push(line_start + at..line_start + end);
            }
        }
        line_start += line.len();
    }
    tokens
}

fn parts(pattern: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let tokens = tokens(pattern);
    let mut texts = tokens.into_iter().filter_map(|at| pattern.get(at));
    while let Some(text) = texts.next() {
        parts.push(match text {
            "$" => Part::Name(texts.next().unwrap_or_default()),
            text => Part::Token(text),
        });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(text: &str, pattern: &str, replacement: &str) -> String {
        let source = Source::new(text);
        let found = source.find(pattern);
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].replaced(text, replacement)
    }

    #[test]
    fn format_and_comments_do_not_count() {
        let text = "if a\n    // why\n    && b(1,2)\n{ c }";
        assert_eq!(once(text, "if a && b(1, 2) {", "if b {"), "if b { c }");
    }

    #[test]
    fn a_name_stands_for_balanced_tokens() {
        let text = "let x = call(a, b[0]).await?; next";
        assert_eq!(
            once(text, "let $x = $call.await?;", "let $x = $call.await.ok();"),
            "let x = call(a, b[0]).await.ok(); next"
        );
        assert_eq!(Source::new("f(a) g)").find("f($x) h"), []);
    }

    #[test]
    fn a_name_used_twice_stands_for_the_same_text() {
        assert_eq!(Source::new("a == b").find("$x == $x;").len(), 0);
        assert_eq!(once("(a == a);", "($x == $x)", "$x"), "a;");
    }

    #[test]
    fn the_text_of_a_string_is_tokens() {
        let text = "\"SELECT a\n   FROM b WHERE c\"";
        assert_eq!(
            once(text, "FROM b", "FROM d"),
            "\"SELECT a\n   FROM d WHERE c\""
        );
    }

    #[test]
    fn every_place_is_found() {
        assert_eq!(Source::new("a.b a.b a . b").find("a.b").len(), 3);
    }
}
