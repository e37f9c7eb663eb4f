//! Hostile documents, each named after the attack; and unusual values, which
//! must be read unchanged.

use wechatpay::common::fields::{MAX_FIELDS, is_name};
use wechatpay::common::xml::MAX_BYTES;
use wechatpay::common::{Fields, XmlError};

fn check(attack: &str, document: impl AsRef<[u8]>, expect: XmlError) {
    assert_eq!(Fields::parse(document.as_ref()), Err(expect), "{attack}");
}

fn duplicate(name: &str) -> XmlError {
    XmlError::DuplicateField {
        name: name.to_owned(),
    }
}

fn too_deep(name: &str) -> XmlError {
    XmlError::TooDeep {
        name: name.to_owned(),
    }
}

#[test]
fn entities_are_refused() {
    check(
        "billion laughs",
        r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;">
        <!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;">]><xml><a>&lol2;</a></xml>"#,
        XmlError::Doctype,
    );
    check(
        "external entity (CVE-2018-13439)",
        r#"<?xml version="1.0" encoding="utf-8"?><!DOCTYPE root [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>
        <xml><return_code>&xxe;</return_code></xml>"#,
        XmlError::Doctype,
    );
    check(
        "external parameter entity (CVE-2018-20318)",
        r#"<!DOCTYPE root [<!ENTITY % attack SYSTEM "http://attacker.example/x.dtd"> %attack;]><xml></xml>"#,
        XmlError::Doctype,
    );
    check(
        "external DTD",
        r#"<!DOCTYPE xml SYSTEM "http://attacker.example/x.dtd"><xml></xml>"#,
        XmlError::Doctype,
    );
    check(
        "DOCTYPE inside the root",
        "<xml><!DOCTYPE a><a>1</a></xml>",
        XmlError::Doctype,
    );
    check(
        "DOCTYPE without an end",
        "<!DOCTYPE xml [",
        XmlError::Doctype,
    );
    check(
        "DOCTYPE without a name",
        "<!DOCTYPE><xml/>",
        XmlError::Doctype,
    );
    check(
        "undeclared entity",
        "<xml><a>&xxe;</a></xml>",
        XmlError::UnknownEntity,
    );
    check(
        "HTML entity",
        "<xml><a>&nbsp;</a></xml>",
        XmlError::UnknownEntity,
    );
    check(
        "entity between fields",
        "<xml>&amp;<a>1</a></xml>",
        XmlError::StrayText,
    );
    check(
        "bare ampersand",
        "<xml><a>a & b</a></xml>",
        XmlError::BadReference,
    );
}

#[test]
fn character_references_cannot_smuggle() {
    for reference in [
        "&#0;",
        "&#x0;",
        "&#8;",
        "&#xFFFE;",
        "&#xD800;",
        "&#x110000;",
        "&#;",
        "&#x;",
        "&#+65;",
        "&#99999999999;",
    ] {
        check(
            reference,
            format!("<xml><a>{reference}</a></xml>"),
            XmlError::BadReference,
        );
    }
    let fields = Fields::parse(b"<xml><a>&lt;&#60;&#x3c;&#13;&amp;amp;</a></xml>").unwrap();
    assert_eq!(
        fields.get("a"),
        Some("<<<\r&amp;"),
        "one unescaping, not two"
    );
}

#[test]
fn size_is_capped_before_parsing() {
    let big = vec![b'<'; 10 * 1024 * 1024];
    check("10 MB", &big, XmlError::TooLarge { bytes: big.len() });

    let layout = "<xml><a></a></xml>".len();
    let fits = format!("<xml><a>{}</a></xml>", "x".repeat(MAX_BYTES - layout));
    assert!(Fields::parse(fits.as_bytes()).is_ok());
    check(
        "one byte too many",
        format!("{fits} "),
        XmlError::TooLarge {
            bytes: MAX_BYTES + 1,
        },
    );

    let fields = |n: usize| -> String { (0..n).map(|i| format!("<f{i}/>")).collect() };
    let fits = format!("<xml>{}</xml>", fields(MAX_FIELDS));
    assert_eq!(Fields::parse(fits.as_bytes()).unwrap().len(), MAX_FIELDS);
    check(
        "too many fields",
        format!("<xml>{}</xml>", fields(MAX_FIELDS + 1)),
        XmlError::TooManyFields,
    );
}

#[test]
fn nesting_is_refused_at_the_first_level() {
    check("nested field", "<xml><a><b>1</b></a></xml>", too_deep("a"));
    check(
        "deep nesting",
        format!("<xml>{}", "<a>".repeat(20_000)),
        too_deep("a"),
    );
    check(
        "root in root",
        "<xml><xml><a>1</a></xml></xml>",
        too_deep("xml"),
    );
}

/// Two readers may use different values of a repeated name.
#[test]
fn duplicates_are_refused() {
    check(
        "duplicate sign",
        "<xml><sign>A</sign><a>1</a><sign>B</sign></xml>",
        duplicate("sign"),
    );
    check(
        "duplicate total_fee",
        "<xml><total_fee>1</total_fee><total_fee>100000</total_fee></xml>",
        duplicate("total_fee"),
    );
    check(
        "duplicate, once empty",
        "<xml><total_fee/><total_fee>1</total_fee></xml>",
        duplicate("total_fee"),
    );
    check(
        "the same value twice",
        "<xml><a>1</a><a>1</a></xml>",
        duplicate("a"),
    );
    // Names are case-sensitive (4.3.1), so this is another field.
    assert!(Fields::parse(b"<xml><sign>A</sign><Sign>B</Sign></xml>").is_ok());
}

#[test]
fn attributes_are_refused() {
    check(
        "xsi:nil",
        r#"<xml><total_fee xsi:nil="true">1</total_fee></xml>"#,
        XmlError::Attribute,
    );
    check(
        "namespace on the root",
        r#"<xml xmlns="http://attacker.example"><a>1</a></xml>"#,
        XmlError::Attribute,
    );
    check(
        "value in an attribute",
        r#"<xml><a value="2"/></xml>"#,
        XmlError::Attribute,
    );
    check(
        "attribute without a value",
        "<xml><a b></a></xml>",
        XmlError::Attribute,
    );
    check(
        "quoted tag end",
        r#"<xml><a b="</a><a>2">1</a></xml>"#,
        XmlError::Attribute,
    );
    check(
        "namespace prefix",
        "<xml><x:a>1</x:a></xml>",
        XmlError::BadName,
    );
}

#[test]
fn only_utf8_is_read() {
    let utf16 = |big: bool| -> Vec<u8> {
        "\u{FEFF}<xml><a>1</a></xml>"
            .encode_utf16()
            .flat_map(|u| {
                if big {
                    u.to_be_bytes()
                } else {
                    u.to_le_bytes()
                }
            })
            .collect()
    };
    for big in [true, false] {
        check("UTF-16 with a mark", utf16(big), XmlError::WideEncoding);
        check(
            "UTF-16 without a mark",
            utf16(big).split_off(2),
            XmlError::WideEncoding,
        );
    }
    check(
        "invalid UTF-8",
        b"<xml><a>\xC3\x28</a></xml>",
        XmlError::NotUtf8,
    );
    check(
        "overlong UTF-8",
        b"<xml><a>\xC0\xBCb></a></xml>",
        XmlError::NotUtf8,
    );
    check(
        "surrogate in UTF-8",
        b"<xml><a>\xED\xA0\x80</a></xml>",
        XmlError::NotUtf8,
    );
    check(
        "UTF-7 declared",
        r#"<?xml version="1.0" encoding="UTF-7"?><xml>+ADw-a+AD4-</xml>"#,
        XmlError::OtherEncoding,
    );
    check(
        "GBK declared",
        r#"<?xml version="1.0" encoding="GBK"?><xml/>"#,
        XmlError::OtherEncoding,
    );
    for fine in [
        "\u{FEFF}<xml><a>1</a></xml>",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml><a>1</a></xml>",
        "\u{FEFF}<?xml version='1.0' encoding='utf-8' standalone='yes'?><xml><a>1</a></xml>\n",
    ] {
        assert_eq!(
            Fields::parse(fine.as_bytes()),
            Ok(Fields::new().with("a", "1")),
            "{fine}"
        );
    }
}

#[test]
fn null_bytes_and_control_characters_are_refused() {
    for control in [
        "\0", "\u{1}", "\u{8}", "\u{B}", "\u{1F}", "\u{FFFE}", "\u{FFFF}",
    ] {
        for document in [
            format!("<xml><a>SUCCESS{control}</a></xml>"),
            format!("<xml><a><![CDATA[SUCCESS{control}]]></a></xml>"),
            format!("<xml><a{control}>1</a></xml>"),
            format!("<xml><a>1</a></xml>{control}"),
        ] {
            check("control character", document, XmlError::ForbiddenCharacter);
        }
    }
}

#[test]
fn a_comment_does_not_split_a_value() {
    for document in [
        "<xml><!-- a --><a>SUC<!-- -->CESS</a><!-- --></xml><!-- -->",
        "<xml><a>SUC<!-- x -->CESS</a></xml>",
        "<xml><a><![CDATA[SUC]]><!-- <b>2</b> --><![CDATA[CESS]]></a></xml>",
    ] {
        let fields = Fields::parse(document.as_bytes()).unwrap();
        assert_eq!(fields.get("a"), Some("SUCCESS"), "{document}");
        assert_eq!(fields.len(), 1);
    }
    check(
        "comment with --",
        "<xml><!-- a -- b --><a>1</a></xml>",
        XmlError::Malformed,
    );
    check(
        "comment without an end",
        "<xml><!-- <a>1</a></xml>",
        XmlError::Unclosed,
    );
}

#[test]
fn processing_instructions_are_refused() {
    check(
        "stylesheet",
        r#"<?xml-stylesheet href="http://attacker.example"?><xml/>"#,
        XmlError::ProcessingInstruction,
    );
    check(
        "PHP",
        "<xml><a><?php system('id') ?></a></xml>",
        XmlError::ProcessingInstruction,
    );
    check("no end", "<xml><?php", XmlError::ProcessingInstruction);
    check(
        "late declaration",
        r#"<xml><?xml version="1.0"?></xml>"#,
        XmlError::MisplacedDeclaration,
    );
    check(
        "declaration after a line",
        "\n<?xml version=\"1.0\"?><xml/>",
        XmlError::MisplacedDeclaration,
    );
    check(
        "two declarations",
        r#"<?xml version="1.0"?><?xml version="1.0"?><xml/>"#,
        XmlError::MisplacedDeclaration,
    );
}

#[test]
fn cdata_ends_at_its_first_end_mark() {
    check("stray end", "<xml><a>x]]>y</a></xml>", XmlError::Malformed);
    check(
        "no end",
        "<xml><a><![CDATA[x</a></xml>",
        XmlError::Malformed,
    );
    check(
        "lower case",
        "<xml><a><![cdata[x]]></a></xml>",
        XmlError::Malformed,
    );
    check(
        "outside a field",
        "<xml><![CDATA[x]]><a>1</a></xml>",
        XmlError::StrayText,
    );
    check(
        "after the root",
        "<xml></xml><![CDATA[x]]>",
        XmlError::TrailingContent,
    );
    for (document, value) in [
        ("<![CDATA[</a><a>2]]>", "</a><a>2"),
        ("<![CDATA[&amp;]]>", "&amp;"),
        ("<![CDATA[]]]]><![CDATA[>]]>", "]]>"),
        ("<![CDATA[]]]]>", "]]"),
        ("<![CDATA[]]>", ""),
        ("<![CDATA[<![CDATA[]]>", "<![CDATA["),
        ("\n  <![CDATA[x]]>\n", "x"),
        ("<![CDATA[ x ]]>", " x "),
        ("a<![CDATA[b]]>c&amp;", "abc&"),
        (" x ", " x "),
        ("&lt; &gt;", "< >"),
        ("  \n ", ""),
        ("", ""),
    ] {
        let fields = Fields::parse(format!("<xml><a>{document}</a></xml>").as_bytes()).unwrap();
        assert_eq!(fields.get("a"), Some(value), "{document}");
    }
}

#[test]
fn input_that_is_not_one_document_is_refused() {
    check("nothing", "", XmlError::Empty);
    check("white space", " \n", XmlError::Empty);
    check("text", "SUCCESS", XmlError::StrayText);
    check("JSON", r#"{"return_code":"SUCCESS"}"#, XmlError::StrayText);
    check(
        "HTML",
        "<html><body>502</body></html>",
        XmlError::WrongRoot { expected: "xml" },
    );
    check(
        "other case",
        "<XML></XML>",
        XmlError::WrongRoot { expected: "xml" },
    );
    check(
        "two roots",
        "<xml><a>1</a></xml><xml><a>2</a></xml>",
        XmlError::TrailingContent,
    );
    check(
        "trailing text",
        "<xml><a>1</a></xml>x",
        XmlError::TrailingContent,
    );
    check(
        "trailing reference",
        "<xml><a>1</a></xml>&amp;",
        XmlError::TrailingContent,
    );
    check(
        "text between fields",
        "<xml><a>1</a>x<b>2</b></xml>",
        XmlError::StrayText,
    );
    check("root left open", "<xml><a>1</a>", XmlError::Unclosed);
    check("field left open", "<xml><a>1", XmlError::Unclosed);
    check("tag left open", "<xml><a", XmlError::Unclosed);
    check("wrong end", "<xml><a>1</b></xml>", XmlError::Malformed);
    check("end without a start", "</xml>", XmlError::Malformed);
    check(
        "end after the root",
        "<xml></xml></xml>",
        XmlError::Malformed,
    );
    check("no name", "<xml><>1</></xml>", XmlError::BadName);
    check("bad name", "<xml><1a>1</1a></xml>", XmlError::BadName);
    check("name with &", "<xml><a&b>1</a&b></xml>", XmlError::BadName);
    check("name with =", "<xml><a=b>1</a=b></xml>", XmlError::BadName);
    check(
        "Cyrillic а",
        "<xml><\u{430}>1</\u{430}></xml>",
        XmlError::BadName,
    );
    let long = "a".repeat(65);
    check(
        "long name",
        format!("<xml><{long}/></xml>"),
        XmlError::BadName,
    );
    assert!(is_name(&long[..64]));
    assert_eq!(Fields::parse(b"<xml/>"), Ok(Fields::new()));
    assert_eq!(
        Fields::parse_root(b"<root><a>1</a></root>", "root")
            .unwrap()
            .get("a"),
        Some("1")
    );
    assert_eq!(
        Fields::parse_root(b"<xml></xml>", "root"),
        Err(XmlError::WrongRoot { expected: "root" })
    );
}

#[test]
fn awkward_values_round_trip() {
    let values = [
        "]]>",
        "]]]]>>",
        "]]",
        "]]&gt;",
        "a & b",
        "&amp;",
        "<b>x</b>",
        "\"'",
        "\n",
        "\r",
        "\r\n",
        "a\tb",
        " leading",
        "trailing ",
        " ",
        "支付测试",
        "🍵👩‍👩‍👧",
        "\u{FEFF}",
        "\u{85}\u{2028}",
        "</xml>",
        "<!--",
        "-->",
        "<?xml?>",
        "<![CDATA[",
        "]]><![CDATA[",
        "0",
        "001",
        "-1",
        "1.5",
    ];
    // Each alone, and each pair.
    for first in values {
        for second in values.into_iter().chain([""]) {
            let value = format!("{first}{second}");
            for name in ["attach", "total_fee", "_x-1.y"] {
                let fields = Fields::new().with(name, value.as_str()).with("z", second);
                let xml = fields.to_xml();
                assert_eq!(Fields::parse(xml.as_bytes()).as_ref(), Ok(&fields), "{xml}");
            }
        }
    }
}

#[test]
fn the_document_is_written_as_wechat_writes_it() {
    let fields = Fields::new()
        .with("return_code", "SUCCESS")
        .with("mch_id", "10000100")
        .with("total_fee", "1")
        .with("refund_fee_0", "1")
        .with("refund_count", "1")
        .with("attach", "a]]>b");
    assert_eq!(
        fields.to_xml(),
        "<xml><return_code><![CDATA[SUCCESS]]></return_code><mch_id><![CDATA[10000100]]></mch_id>\
         <total_fee>1</total_fee><refund_fee_0>1</refund_fee_0><refund_count>1</refund_count>\
         <attach><![CDATA[a]]]]><![CDATA[>b]]></attach></xml>"
    );
}

/// A character that XML cannot represent is not replaced by another that the
/// signature would cover.
#[test]
fn a_character_that_xml_cannot_carry_breaks_the_signature() {
    use wechatpay::common::{SignError, SignType};
    let key = crate::key();
    let sealed = Fields::new().with("a", "x\0y").sealed(&key, SignType::Md5);
    let read = Fields::parse(sealed.to_xml().as_bytes()).unwrap();
    assert_eq!(read.get("a"), Some("x\u{FFFD}y"));
    assert_eq!(read.verify(&key, SignType::Md5), Err(SignError::Mismatch));
}

#[test]
fn a_written_document_has_each_name_once() {
    let mut fields = Fields::new().with("a", "1").with("b", "2").with("a", "3");
    assert_eq!(fields.iter().collect::<Vec<_>>(), [("b", "2"), ("a", "3")]);
    fields.set("b", "4");
    fields.set("c", "");
    fields.push_some("d", None::<String>);
    assert_eq!(
        fields.iter().collect::<Vec<_>>(),
        [("b", "4"), ("a", "3"), ("c", "")]
    );
    assert_eq!(fields.get("c"), Some(""));
    assert_eq!(fields.get_nonempty("c"), None);
    assert_eq!(fields.remove("a").as_deref(), Some("3"));
    assert_eq!(fields.remove("a"), None);
    assert!(!fields.is_empty());
}

/// Mutated bytes cause no panic, and a document that is still verified has the
/// same contents.
#[test]
fn a_mutated_document_is_equal_or_does_not_verify() {
    use wechatpay::common::SignType;
    let key = crate::key();
    let request = crate::jsapi_order(SignType::Md5);
    let signed = request.to_fields().signing_text();
    let original = request.to_xml(&key).into_bytes();
    let pieces: [&[u8]; 12] = [
        b"<!-- -->",
        b"<![CDATA[",
        b"]]>",
        b"&amp;",
        b"&#0;",
        b"<a>",
        b"</a>",
        b"<?x ?>",
        b"<total_fee>1</total_fee>",
        b"\0",
        b"\xFF",
        b" ",
    ];
    let mut still_good = 0;
    crate::mutate(20_000, &original, &pieces, |bytes| {
        let Ok(fields) = Fields::parse(bytes) else {
            return;
        };
        if fields.verify(&key, SignType::Md5).is_ok() {
            assert_eq!(fields.signing_text(), signed);
            still_good += 1;
        }
    });
    assert!(
        still_good > 0,
        "white space and comments between fields do no harm"
    );
}
