//! The v2 document: one root, and leaves in it.
//!
//! ```text
//! <xml>
//!   <return_code><![CDATA[SUCCESS]]></return_code>     text, in CDATA
//!   <total_fee>1</total_fee>                           an amount, bare
//!   <body>Tea &amp; cake</body>                        text with references
//! </xml>
//! ```
//!
//! WeChat uses no more of XML, so no more is read. There is no DTD, hence no
//! entity except the five of XML itself; no processing instruction; no
//! attribute (nothing in v2 has one, and a second place for a value could have
//! a second meaning); no element inside a field. Comments are skipped and the
//! text around them is joined, as XML requires.
//!
//! Two details are for the signature, which is over the values:
//!
//! - Line ends are kept unchanged and not normalized, because the other side
//!   signs its value and writes that into the document.
//! - White space *around* a CDATA section is layout and dropped; a value that
//!   has any other text keeps all its white space.

use super::field::is_xml_char;
use super::fields::{Fields, MAX_FIELDS, is_name};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use thiserror::Error;

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Why bytes are not a v2 document.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XmlError {
    /// More than [`MAX_BYTES`].
    #[error("the document has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// The document's length.
        bytes: usize,
    },
    /// UTF-16 or UTF-32 by its first bytes.
    #[error("the document is UTF-16 or UTF-32; v2 is UTF-8")]
    WideEncoding,
    /// Bytes that are not UTF-8.
    #[error("the document is not valid UTF-8")]
    NotUtf8,
    /// The XML declaration names another encoding.
    #[error("the document declares an encoding other than UTF-8")]
    OtherEncoding,
    /// A character that XML does not allow, such as NUL.
    #[error("the document holds a control character that XML forbids")]
    ForbiddenCharacter,
    /// A document type declaration, which could define external entities.
    #[error("the document has a DOCTYPE, which is never read")]
    Doctype,
    /// A processing instruction.
    #[error("the document has a processing instruction, which is never read")]
    ProcessingInstruction,
    /// An XML declaration that is not at the very start.
    #[error("the XML declaration is not at the start of the document")]
    MisplacedDeclaration,
    /// A reference to an entity beyond XML's own five.
    #[error("the document refers to an entity other than lt, gt, amp, apos and quot")]
    UnknownEntity,
    /// An `&` that begins no reference, or a numeric reference to a character
    /// that XML forbids.
    #[error("the document has an & that begins no allowed reference")]
    BadReference,
    /// An attribute.
    #[error("an element has an attribute, which v2 never uses")]
    Attribute,
    /// An element inside a field.
    #[error("the field {name} has an element inside; fields hold only text")]
    TooDeep {
        /// The outer field.
        name: String,
    },
    /// More than [`MAX_FIELDS`].
    #[error("the document has more than {MAX_FIELDS} fields")]
    TooManyFields,
    /// The same name twice.
    #[error("the field {name} occurs more than once")]
    DuplicateField {
        /// The repeated name.
        name: String,
    },
    /// A name longer than [`MAX_NAME_BYTES`](super::fields::MAX_NAME_BYTES), or with other characters than
    /// letters, digits, `_`, `-` and `.`.
    #[error("a field's name is too long or has a character that no v2 name has")]
    BadName,
    /// The outermost element is another.
    #[error("the document's outermost element is not {expected}")]
    WrongRoot {
        /// The name it should have.
        expected: &'static str,
    },
    /// No element at all.
    #[error("the document is empty")]
    Empty,
    /// Text between the fields.
    #[error("the document has text outside its fields")]
    StrayText,
    /// Anything after the end of the outermost element.
    #[error("the document goes on after its outermost element")]
    TrailingContent,
    /// It ends too early.
    #[error("the document ends before its outermost element does")]
    Unclosed,
    /// Not XML in some other way.
    #[error("the document is not well-formed XML")]
    Malformed,
}

impl Fields {
    /// Reads a document whose root is `<xml>`.
    pub fn parse(bytes: &[u8]) -> Result<Self, XmlError> {
        Self::parse_root(bytes, "xml")
    }

    /// Reads a document with another root: `<root>` inside a refund notice.
    pub fn parse_root(bytes: &[u8], root: &'static str) -> Result<Self, XmlError> {
        Parser::new(root).run(checked_text(bytes)?)
    }

    /// The document on one line, as WeChat writes it: text in CDATA, amounts
    /// and counts without. (A merchant's acknowledgement on several lines was
    /// not understood, and the notice was sent again.)
    ///
    /// Names are written unchanged; see [`is_name`]. A character that XML
    /// cannot represent is written as U+FFFD, so that the reader's check of the
    /// signature fails; [`Text`](super::Text) refuses such values earlier.
    pub fn to_xml(&self) -> String {
        self.to_xml_root("xml")
    }

    /// [`to_xml`](Self::to_xml) with another root: `<root>` inside a refund
    /// notice.
    pub fn to_xml_root(&self, root: &str) -> String {
        let mut out = String::new();
        push_element(&mut out, root, |out| self.push_to(out));
        out
    }

    fn push_to(&self, out: &mut String) {
        for (name, value) in self.iter() {
            push_element(out, name, |out| {
                if is_bare(name, value) {
                    out.push_str(value);
                } else {
                    push_cdata(out, value);
                }
            });
        }
    }
}

/// A document in which some fields contain fields: only the settlement's answer
/// has them, one `<setteinfo_0>…</setteinfo_0>` for each record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Grouped {
    pub(crate) fields: Fields,
    pub(crate) groups: Vec<(String, Fields)>,
}

impl Grouped {
    /// Reads a document whose fields named `prefix…` contain fields. The limits
    /// apply to the whole document.
    pub(crate) fn parse(bytes: &[u8], prefix: &'static str) -> Result<Self, XmlError> {
        let mut parser = Parser::new("xml");
        parser.group_prefix = Some(prefix);
        parser.read(checked_text(bytes)?)?;
        Ok(Self {
            fields: parser.fields,
            groups: parser.groups,
        })
    }

    pub(crate) fn to_xml(&self) -> String {
        let mut out = String::new();
        push_element(&mut out, "xml", |out| {
            self.fields.push_to(out);
            for (name, fields) in &self.groups {
                push_element(out, name, |out| fields.push_to(out));
            }
        });
        out
    }
}

/// The manual's type `Int` belongs to amounts and counts; everything else is a
/// string even where it is all digits, such as `mch_id`.
/// (`refund_fee_0` is the first of several.)
fn is_bare(name: &str, value: &str) -> bool {
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '_');
    (name.ends_with("_fee") || name.ends_with("_count"))
        && !value.is_empty()
        && value.bytes().all(|b| b.is_ascii_digit())
}

fn push_element(out: &mut String, name: &str, content: impl FnOnce(&mut String)) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    content(out);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Writes a CDATA section. It cannot contain its own end mark, so `]]>` is
/// split between two sections. Parsers turn a raw carriage return into a line
/// feed, so it is written outside as a reference.
fn push_cdata(out: &mut String, value: &str) {
    let legal: String = value
        .chars()
        .map(|c| if is_xml_char(c) { c } else { '\u{FFFD}' })
        .collect();
    out.push_str("<![CDATA[");
    out.push_str(
        &legal
            .replace("]]>", "]]]]><![CDATA[>")
            .replace('\r', "]]>&#13;<![CDATA["),
    );
    out.push_str("]]>");
}

/// Checks size, encoding and characters, before any parsing.
fn checked_text(bytes: &[u8]) -> Result<&str, XmlError> {
    if bytes.len() > MAX_BYTES {
        return Err(XmlError::TooLarge { bytes: bytes.len() });
    }
    if matches!(
        bytes,
        [0xFE, 0xFF, ..] | [0xFF, 0xFE, ..] | [0, b'<', ..] | [b'<', 0, ..] | [0, 0, ..]
    ) {
        return Err(XmlError::WideEncoding);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::NotUtf8)?;
    // A byte order mark is tolerated: some editors and one SDK write it.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    if text.chars().all(is_xml_char) {
        Ok(text)
    } else {
        Err(XmlError::ForbiddenCharacter)
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|b| b" \t\r\n".contains(&b))
}

/// The position of the parser in the document.
enum Place {
    BeforeRoot,
    InRoot,
    InGroup,
    InField(Leaf),
    AfterRoot,
}

/// A field being read. `run` is text since the last CDATA section; it counts
/// once something in it is more than layout.
struct Leaf {
    name: String,
    value: String,
    run: String,
    run_counts: bool,
}

impl Leaf {
    fn text(&mut self, raw: &str) {
        self.run_counts |= !is_blank(raw);
        self.run.push_str(raw);
    }

    fn referenced(&mut self, c: char) {
        self.run_counts = true;
        self.run.push(c);
    }

    fn cdata(&mut self, raw: &str) {
        self.end_run();
        self.value.push_str(raw);
    }

    fn end_run(&mut self) {
        if self.run_counts {
            self.value.push_str(&self.run);
        }
        self.run.clear();
        self.run_counts = false;
    }
}

struct Parser {
    root: &'static str,
    /// The prefix of the names of fields that contain fields; there is at most
    /// one level of them.
    group_prefix: Option<&'static str>,
    place: Place,
    /// Whether the field being read is inside a group: the last of `groups`.
    in_group: bool,
    fields: Fields,
    groups: Vec<(String, Fields)>,
}

impl Parser {
    fn new(root: &'static str) -> Self {
        Self {
            root,
            group_prefix: None,
            place: Place::BeforeRoot,
            in_group: false,
            fields: Fields::new(),
            groups: Vec::new(),
        }
    }

    fn run(mut self, text: &str) -> Result<Fields, XmlError> {
        self.read(text)?;
        Ok(self.fields)
    }

    fn read(&mut self, text: &str) -> Result<(), XmlError> {
        let mut reader = Reader::from_str(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;

        let mut at_start = true;
        loop {
            match reader.read_event().map_err(|e| named(&e))? {
                Event::Start(tag) => self.open(&tag)?,
                Event::End(_) => self.close(),
                // XML allows `]]>` only as the end of a section.
                Event::Text(raw) if raw.contains("]]>") => return Err(XmlError::Malformed),
                Event::Text(raw) => match &mut self.place {
                    Place::InField(leaf) => leaf.text(&raw),
                    _ if is_blank(&raw) => {}
                    _ => return Err(self.stray()),
                },
                Event::GeneralRef(reference) => match &mut self.place {
                    Place::InField(leaf) => leaf.referenced(resolve(&reference)?),
                    _ => return Err(self.stray()),
                },
                Event::CData(raw) => match &mut self.place {
                    Place::InField(leaf) => leaf.cdata(&raw),
                    _ => return Err(self.stray()),
                },
                Event::Comment(_) => {}
                Event::Decl(declaration) if at_start => check_declaration(&declaration)?,
                Event::Decl(_) => return Err(XmlError::MisplacedDeclaration),
                Event::PI(_) => return Err(XmlError::ProcessingInstruction),
                Event::DocType(_) => return Err(XmlError::Doctype),
                // `expand_empty_elements` turns these into a start and an end.
                Event::Empty(_) => return Err(XmlError::Malformed),
                Event::Eof => break,
            }
            at_start = false;
        }
        match self.place {
            Place::AfterRoot => Ok(()),
            Place::BeforeRoot => Err(XmlError::Empty),
            Place::InRoot | Place::InGroup | Place::InField(_) => Err(XmlError::Unclosed),
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), XmlError> {
        let name = tag.name().into_inner();
        if !is_blank(tag.attributes_raw()) {
            return Err(XmlError::Attribute);
        }
        match &self.place {
            Place::BeforeRoot if name == self.root => self.place = Place::InRoot,
            Place::BeforeRoot => {
                return Err(XmlError::WrongRoot {
                    expected: self.root,
                });
            }
            Place::InRoot if self.group_prefix.is_some_and(|p| name.starts_with(p)) => {
                self.check_name(name)?;
                self.groups.push((name.to_owned(), Fields::new()));
                self.in_group = true;
                self.place = Place::InGroup;
            }
            Place::InRoot | Place::InGroup => self.place = Place::InField(self.leaf(name)?),
            Place::InField(leaf) => {
                return Err(XmlError::TooDeep {
                    name: leaf.name.clone(),
                });
            }
            Place::AfterRoot => return Err(XmlError::TrailingContent),
        }
        Ok(())
    }

    /// Whether a field or a group of this name may begin here.
    fn check_name(&self, name: &str) -> Result<(), XmlError> {
        if !is_name(name) {
            return Err(XmlError::BadName);
        }
        let taken = match self.groups.last() {
            Some((_, fields)) if self.in_group => fields.get(name).is_some(),
            _ => self.fields.get(name).is_some() || self.groups.iter().any(|(n, _)| n == name),
        };
        if taken {
            return Err(XmlError::DuplicateField {
                name: name.to_owned(),
            });
        }
        let grouped: usize = self.groups.iter().map(|(_, fields)| fields.len() + 1).sum();
        if self.fields.len() + grouped >= MAX_FIELDS {
            return Err(XmlError::TooManyFields);
        }
        Ok(())
    }

    fn leaf(&self, name: &str) -> Result<Leaf, XmlError> {
        self.check_name(name)?;
        Ok(Leaf {
            name: name.to_owned(),
            value: String::new(),
            run: String::new(),
            run_counts: false,
        })
    }

    /// The reader has checked that the end belongs to the innermost start.
    fn close(&mut self) {
        let inner = std::mem::replace(&mut self.place, Place::InRoot);
        match inner {
            Place::InField(mut leaf) => {
                leaf.end_run();
                let field = (leaf.name, leaf.value);
                match self.groups.last_mut() {
                    Some((_, fields)) if self.in_group => {
                        fields.0.push(field);
                        self.place = Place::InGroup;
                    }
                    _ => self.fields.0.push(field),
                }
            }
            Place::InGroup => self.in_group = false,
            Place::InRoot | Place::BeforeRoot | Place::AfterRoot => self.place = Place::AfterRoot,
        }
    }

    fn stray(&self) -> XmlError {
        match self.place {
            Place::AfterRoot => XmlError::TrailingContent,
            _ => XmlError::StrayText,
        }
    }
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, XmlError> {
    if reference.is_char_ref() {
        return reference
            .resolve_char_ref()
            .ok()
            .flatten()
            .filter(|c| is_xml_char(*c))
            .ok_or(XmlError::BadReference);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(XmlError::UnknownEntity),
    }
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<(), XmlError> {
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(Ok(_)) => Err(XmlError::OtherEncoding),
        Some(Err(_)) => Err(XmlError::Malformed),
    }
}

fn named(error: &quick_xml::Error) -> XmlError {
    use quick_xml::Error::{IllFormed, Syntax};
    use quick_xml::errors::{IllFormedError, SyntaxError};
    match error {
        Syntax(SyntaxError::UnclosedDoctype) | IllFormed(IllFormedError::MissingDoctypeName) => {
            XmlError::Doctype
        }
        Syntax(SyntaxError::UnclosedPI) => XmlError::ProcessingInstruction,
        Syntax(SyntaxError::UnclosedComment | SyntaxError::UnclosedTag) => XmlError::Unclosed,
        IllFormed(IllFormedError::UnclosedReference) => XmlError::BadReference,
        _ => XmlError::Malformed,
    }
}
