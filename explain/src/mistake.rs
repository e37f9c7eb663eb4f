//! The known mistakes, and the advice for each.

/// One mistake that makes a signature wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// The names were signed in the order of the message.
    NamesNotSorted,
    /// The names were sorted without regard to upper and lower case.
    NamesSortedWithoutCase,
    /// The names were signed in lower case.
    NamesInLowerCase,
    /// Fields with an empty value were signed.
    EmptyValuesKept,
    /// The field of the signature, still empty, was signed.
    SignIncluded,
    /// This field was not signed.
    FieldLeftOut(String),
    /// The values were percent-encoded before they were signed.
    ValuesPercentEncoded,
    /// The values were encoded as in a form, with `+` for a space.
    ValuesFormEncoded,
    /// The text was signed in GBK.
    Gbk,
    /// The text was signed in ISO-8859-1: every character outside of it became
    /// `?`.
    Latin1,
    /// XML's references (`&amp;`) were signed instead of the characters that
    /// they stand for.
    ReferencesNotResolved,
    /// The `&` between fields was written as `&amp;`.
    SeparatorEscaped,
    /// White space around a value is in the message and was not signed.
    ValuesTrimmed,
    /// The line ends of a value are CR LF in the message and LF in the signed
    /// text, or the other way round.
    LineEndsChanged,
    /// The key is missing in the signed text.
    KeyNotAppended,
    /// The key was appended without `&key=`.
    KeyWithoutName,
    /// White space was signed after the key.
    KeyWithWhiteSpace,
    /// The given key has white space around it, which was not signed.
    KeyTrimmed,
    /// The key was signed in upper case.
    KeyInUpperCase,
    /// The key was signed in lower case.
    KeyInLowerCase,
    /// Another one of the given keys signed.
    OtherKey(String),
    /// MD5 was used, but the message declares HMAC-SHA256.
    Md5ForHmac,
    /// HMAC-SHA256 was used, but MD5 is expected.
    HmacForMd5,
    /// SHA-256 was used without HMAC.
    PlainSha256,
    /// SHA-1 was used.
    Sha1,
    /// The signature is in lower case.
    LowerCaseSign,
    /// The signature is base64, but hexadecimal is expected.
    Base64Sign,
    /// `package` was signed without `prepay_id=`.
    PackageWithoutPrefix,
    /// The method was signed in lower case.
    MethodInLowerCase,
    /// The whole URL was signed instead of its path.
    PathWithHost,
    /// The path was signed without its query.
    PathWithoutQuery,
    /// The path was signed in its decoded form.
    PathDecoded,
    /// The path was signed without its first slash.
    PathWithoutSlash,
    /// The timestamp was signed in milliseconds.
    TimestampInMilliseconds,
    /// The timestamp and the nonce were signed in the wrong order.
    TimestampAfterNonce,
    /// The line feed after the last line was not signed.
    LastLineFeedMissing,
    /// The lines ended with CR LF.
    LinesEndWithCrLf,
    /// The lines were joined by a backslash and an `n`.
    LineFeedsEscaped,
    /// The empty line of an empty body was not signed.
    EmptyBodyLineMissing,
    /// The body was not signed.
    BodyLeftOut,
    /// The body was parsed and written again; the text says in which form.
    BodyWrittenAnew(&'static str),
    /// A line end at the end of the body was signed and not sent, or sent and
    /// not signed.
    BodyLineEnd,
    /// An answer or a notice was signed like a request, or a request like an
    /// answer.
    OtherLines,
    /// The serial number in the message is not that of the key that signed.
    SerialOfOtherKey {
        /// The serial number in the message.
        message: String,
        /// The serial number of the certificate.
        certificate: String,
    },
    /// The signature is base64 in its form for URLs.
    Base64ForUrls,
    /// The signature is hexadecimal, but base64 is expected.
    HexadecimalSignature,
    /// There is white space or a line end inside the signature.
    SignatureWrapped,
    /// The document was sent in GBK.
    DocumentInGbk,
}

impl Mistake {
    /// A stable name, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NamesNotSorted => "names-not-sorted",
            Self::NamesSortedWithoutCase => "names-sorted-without-case",
            Self::NamesInLowerCase => "names-in-lower-case",
            Self::EmptyValuesKept => "empty-values-kept",
            Self::SignIncluded => "sign-included",
            Self::FieldLeftOut(_) => "field-left-out",
            Self::ValuesPercentEncoded => "values-percent-encoded",
            Self::ValuesFormEncoded => "values-form-encoded",
            Self::Gbk => "gbk",
            Self::Latin1 => "latin-1",
            Self::ReferencesNotResolved => "references-not-resolved",
            Self::SeparatorEscaped => "separator-escaped",
            Self::ValuesTrimmed => "values-trimmed",
            Self::LineEndsChanged => "line-ends-changed",
            Self::KeyNotAppended => "key-not-appended",
            Self::KeyWithoutName => "key-without-name",
            Self::KeyWithWhiteSpace => "key-with-white-space",
            Self::KeyTrimmed => "key-trimmed",
            Self::KeyInUpperCase => "key-in-upper-case",
            Self::KeyInLowerCase => "key-in-lower-case",
            Self::OtherKey(_) => "other-key",
            Self::Md5ForHmac => "md5-for-hmac",
            Self::HmacForMd5 => "hmac-for-md5",
            Self::PlainSha256 => "plain-sha256",
            Self::Sha1 => "sha1",
            Self::LowerCaseSign => "lower-case-sign",
            Self::Base64Sign => "base64-sign",
            Self::PackageWithoutPrefix => "package-without-prefix",
            Self::MethodInLowerCase => "method-in-lower-case",
            Self::PathWithHost => "path-with-host",
            Self::PathWithoutQuery => "path-without-query",
            Self::PathDecoded => "path-decoded",
            Self::PathWithoutSlash => "path-without-slash",
            Self::TimestampInMilliseconds => "timestamp-in-milliseconds",
            Self::TimestampAfterNonce => "timestamp-after-nonce",
            Self::LastLineFeedMissing => "last-line-feed-missing",
            Self::LinesEndWithCrLf => "lines-end-with-crlf",
            Self::LineFeedsEscaped => "line-feeds-escaped",
            Self::EmptyBodyLineMissing => "empty-body-line-missing",
            Self::BodyLeftOut => "body-left-out",
            Self::BodyWrittenAnew(_) => "body-written-anew",
            Self::BodyLineEnd => "body-line-end",
            Self::OtherLines => "other-lines",
            Self::SerialOfOtherKey { .. } => "serial-of-other-key",
            Self::Base64ForUrls => "base64-for-urls",
            Self::HexadecimalSignature => "hexadecimal-signature",
            Self::SignatureWrapped => "signature-wrapped",
            Self::DocumentInGbk => "document-in-gbk",
        }
    }

    /// Two sentences: what is wrong, and what to do instead.
    pub fn advice(&self) -> String {
        let text = match self {
            Self::NamesNotSorted => {
                "The fields were signed in the order of the message. Sort them by name, byte by byte."
            }
            Self::NamesSortedWithoutCase => {
                "The names were sorted without regard to case. Sort them by byte: upper-case letters come first."
            }
            Self::NamesInLowerCase => {
                "The names were signed in lower case. Sign them as they are sent: appId, timeStamp, nonceStr, package, signType."
            }
            Self::EmptyValuesKept => {
                "Fields with an empty value were signed. Leave them out of the signed text."
            }
            Self::SignIncluded => {
                "The field of the signature was signed with an empty value. Leave it out of the signed text."
            }
            Self::FieldLeftOut(name) => {
                return format!(
                    "The field {name} is in the message and was not signed. Sign every field that has a value, \
                     and add no field after signing."
                );
            }
            Self::ValuesPercentEncoded => {
                "The values were percent-encoded before signing. Sign them as they are."
            }
            Self::ValuesFormEncoded => {
                "The values were encoded like a form (a space as +) before signing. Sign them as they are."
            }
            Self::Gbk => "The text was signed in GBK. Sign its bytes in UTF-8.",
            Self::Latin1 => {
                "The text was signed in ISO-8859-1, where Chinese characters become question marks. Sign its bytes in UTF-8."
            }
            Self::ReferencesNotResolved => {
                "XML references such as &amp; were signed as they are written. Sign the value that they stand for."
            }
            Self::SeparatorEscaped => "The fields were joined by &amp;. Join them by & alone.",
            Self::ValuesTrimmed => {
                "White space around a value was sent and not signed. Send and sign the same value."
            }
            Self::LineEndsChanged => {
                "Line ends in a value differ between what was sent and what was signed (CR LF and LF). Send and sign the same value."
            }
            Self::KeyNotAppended => {
                "The key was not appended to the signed text. Append &key= and the key."
            }
            Self::KeyWithoutName => {
                "The key was appended without its name. Append &key= and then the key."
            }
            Self::KeyWithWhiteSpace => {
                "The key was signed with white space or a line end after it. Remove it from the program's settings."
            }
            Self::KeyTrimmed => {
                "The key given here has white space around it; the signature was made without it. The signature holds: correct the key given here."
            }
            Self::KeyInUpperCase => {
                "The key was signed in upper case. Use it exactly as it was set."
            }
            Self::KeyInLowerCase => {
                "The key was signed in lower case. Use it exactly as it was set."
            }
            Self::OtherKey(name) => {
                return format!(
                    "The message was signed with the key {name} and not with the first one."
                );
            }
            Self::Md5ForHmac => {
                "The message declares HMAC-SHA256 and was signed with MD5. Use one of them for both."
            }
            Self::HmacForMd5 => {
                "The message was signed with HMAC-SHA256 and does not say so. Add sign_type=HMAC-SHA256 and sign that field too, or sign with MD5."
            }
            Self::PlainSha256 => {
                "The text was hashed with SHA-256 alone. Use HMAC-SHA256 with the API key as its key."
            }
            Self::Sha1 => {
                "The text was hashed with SHA-1. Use MD5, or HMAC-SHA256 where sign_type says so."
            }
            Self::LowerCaseSign => {
                "The signature is in lower case. Write it in upper-case hexadecimal."
            }
            Self::Base64Sign => "The signature is base64. Write it in upper-case hexadecimal.",
            Self::PackageWithoutPrefix => {
                "package was signed without prepay_id=. Sign the whole value that is sent."
            }
            Self::MethodInLowerCase => "The method was signed in lower case. Sign GET or POST.",
            Self::PathWithHost => {
                "The whole URL was signed. Sign the path and the query only, from the first slash after the host."
            }
            Self::PathWithoutQuery => {
                "The path was signed without its query. Sign the query with its question mark too."
            }
            Self::PathDecoded => "The path was signed decoded. Sign it exactly as it is sent.",
            Self::PathWithoutSlash => "The path was signed without its first slash.",
            Self::TimestampInMilliseconds => {
                "The timestamp was signed in milliseconds. Sign and send seconds."
            }
            Self::TimestampAfterNonce => {
                "The nonce was signed before the timestamp. The timestamp comes first."
            }
            Self::LastLineFeedMissing => {
                "The last line was signed without a line feed. Every line ends with one, the last one too."
            }
            Self::LinesEndWithCrLf => {
                "The lines were ended by CR LF. End each with a line feed alone."
            }
            Self::LineFeedsEscaped => {
                "The lines were joined by a backslash and the letter n. Use the line feed character."
            }
            Self::EmptyBodyLineMissing => {
                "The line of the empty body was left out. A request without a body has an empty last line, with its line feed."
            }
            Self::BodyLeftOut => "The body was not signed. Sign exactly the bytes that are sent.",
            Self::BodyWrittenAnew(how) => {
                return format!(
                    "The body was parsed and written again before it was signed or verified ({how}). \
                     Use the bytes that went over the wire."
                );
            }
            Self::BodyLineEnd => {
                "The body that was signed and the one that was sent differ by a line end at their end."
            }
            Self::OtherLines => {
                "The wrong lines were signed. A request is METHOD, path, timestamp, nonce, body; an answer or a notice is timestamp, nonce, body."
            }
            Self::SerialOfOtherKey {
                message,
                certificate,
            } => {
                return format!(
                    "The message names the serial number {message}; the certificate that goes with the signature has \
                     {certificate}. A request names the merchant's own certificate; the certificates of WeChat Pay are \
                     for answers and notices."
                );
            }
            Self::Base64ForUrls => {
                "The signature is base64 for URLs (- and _). Use standard base64 (+ and /)."
            }
            Self::HexadecimalSignature => "The signature is hexadecimal. Write it in base64.",
            Self::SignatureWrapped => {
                "The signature has white space inside. Write base64 in one line."
            }
            Self::DocumentInGbk => "The message was sent in GBK. Send UTF-8.",
        };
        text.to_owned()
    }
}
