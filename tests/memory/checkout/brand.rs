//! What payers see of a merchant: logo, colour, contact, pictures; and receipts.

use crate::checkout::links::{buy, link, pay as pay_link};
use crate::checkout::sign_in::{Browser, DESKTOP, call};
use gateway::runtime::Response;
use serde_json::{Value, json};
use tests::memory::{GATEWAY, Memory, Shop};

const ROBOT: &str = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)";

/// A PNG of this size, whose pixels are made by `rgba`.
pub fn png(width: u32, height: u32, rgba: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels: Vec<u8> = pixels.flat_map(|(x, y)| rgba(x, y)).collect();
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

/// A red disc on a transparent ground.
pub fn disc(side: u32) -> Vec<u8> {
    png(side, side, |x, y| {
        let of = |n: u32| i64::from(n) * 2 - i64::from(side);
        match of(x).pow(2) + of(y).pow(2) < i64::from(side).pow(2) {
            true => [0xc0, 0x20, 0x20, 0xff],
            false => [0; 4],
        }
    })
}

/// Sends an image that must be accepted; its data.
pub fn send_image(shop: &Shop, purpose: &str, bytes: Vec<u8>) -> Value {
    let path = format!("/v1/images?purpose={purpose}");
    let (status, answer) = shop.call("POST", &path, bytes);
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

/// Changes the brand; the change must be accepted.
pub fn set_brand(shop: &Shop, change: Value) -> Value {
    let (status, answer) = shop.call("PATCH", "/v1/brand", change.to_string());
    assert_eq!(status, 200, "{answer}");
    answer["data"].clone()
}

fn get(world: &Memory, url: &str, agent: &str) -> Response {
    let request = http::Request::get(url).header("user-agent", agent);
    world.send(request.body(Vec::new()).unwrap())
}

fn html(response: &Response) -> String {
    String::from_utf8(response.body().clone()).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{value}"))
}

fn checkout(shop: &Shop, number: &str, change: Value) -> String {
    let mut body = json!({"out_trade_no": number, "body": "Oolong", "total_fee": 15_000});
    body.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let (status, answer) = shop.call("POST", "/v1/checkout", body.to_string());
    assert_eq!(status, 200, "{answer}");
    answer["data"]["url"].as_str().unwrap().to_owned()
}

fn view(world: &Memory, url: &str) -> Value {
    let mut payer = Browser::new(world, DESKTOP);
    let path = url.strip_prefix(GATEWAY).unwrap();
    let (status, _, view) = payer.get(&call(path, "status"));
    assert_eq!(status, 200, "{view}");
    serde_json::from_str(&view).unwrap()
}

#[test]
fn an_image_is_served_unchanged_for_ever() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let logo = send_image(&shop, "logo", disc(600));
    assert_eq!(
        (&logo["width"], &logo["height"]),
        (&json!(256), &json!(256))
    );
    let served = get(&world, text(&logo, "url"), DESKTOP);
    assert_eq!(served.status(), 200);
    for (name, value) in [
        ("content-type", "image/png"),
        ("cache-control", "public, max-age=31536000, immutable"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(served.headers()[name], value);
    }
    let read = png::Decoder::new(std::io::Cursor::new(served.body().clone()));
    assert_eq!(read.read_info().unwrap().info().width, 256);

    let again = send_image(&shop, "logo", disc(600));
    assert_eq!(again["id"], logo["id"], "the same contents");
    let other = send_image(&shop, "logo", disc(100));
    assert_ne!(other["id"], logo["id"]);
    let picture = send_image(&shop, "picture", disc(600));
    let served = get(&world, text(&picture, "url"), DESKTOP);
    assert_eq!(served.headers()["content-type"], "image/jpeg");

    let (_, list) = shop.call("GET", "/v1/images", "");
    assert_eq!(list["data"]["images"].as_array().unwrap().len(), 3);
    let path = format!("/v1/images/{}", text(&logo, "id"));
    assert_eq!(shop.call("DELETE", &path, "").0, 200);
    assert_eq!(get(&world, text(&logo, "url"), DESKTOP).status(), 404);
    assert_eq!(shop.call("DELETE", &path, "").1["code"], "IMAGE_NOT_FOUND");
    // Another merchant does not have the image.
    let url = text(&other, "url").replace("/demo.", "/other.");
    world.shop_with("other", &json!({"mch_id": "1900000110"}));
    assert_eq!(get(&world, &url, DESKTOP).status(), 404);
}

/// A lossy WebP of a browser, with a colour profile: what is served is a PNG of its
/// pixels, or a JPEG, without anything else of the file.
#[test]
fn a_webp_is_decoded_and_served_as_another_image() {
    let webp = include_bytes!("two_colours.webp").to_vec();
    assert!(webp.starts_with(b"RIFF") && webp.windows(4).any(|part| part == b"ICCP"));
    let world = Memory::default();
    let shop = world.shop("demo");
    let logo = send_image(&shop, "logo", webp.clone());
    assert_eq!((&logo["width"], &logo["height"]), (&json!(32), &json!(16)));
    let served = get(&world, text(&logo, "url"), DESKTOP);
    assert_eq!(served.headers()["content-type"], "image/png");
    let file = served.body().clone();
    for gone in [&b"RIFF"[..], b"ICCP", b"iCCP", b"Google"] {
        assert!(
            !file.windows(gone.len()).any(|part| part == gone),
            "{gone:?}"
        );
    }
    let mut reader = png::Decoder::new(std::io::Cursor::new(file))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(frame.color_type, png::ColorType::Rgba);
    // Lossy: each channel is near to what was drawn.
    for (x, drawn) in [
        (4, [0xc0, 0x20, 0x20, 0xff]),
        (28, [0x20, 0x40, 0xc0, 0xff]),
    ] {
        let at = 8 * frame.line_size + x * 4;
        for (found, wanted) in pixels[at..at + 4].iter().zip(drawn) {
            assert!(
                found.abs_diff(wanted) <= 12,
                "{x}: {:?}",
                &pixels[at..at + 4]
            );
        }
    }
    let picture = send_image(&shop, "picture", webp);
    let served = get(&world, text(&picture, "url"), DESKTOP);
    assert_eq!(served.headers()["content-type"], "image/jpeg");
    assert!(served.body().starts_with(&[0xff, 0xd8, 0xff]));
}

/// The form in which a merchant's brand is stored, beside what earlier versions
/// have stored (`tests/memory/storage/wire/registry.txt`).
#[test]
fn a_brand_is_stored_in_the_form_that_other_versions_read() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let logo = send_image(&shop, "logo", disc(9));
    let id = text(&logo, "id");
    let brand = json!({
        "logo": id, "mark": id, "colour": "#1a7f37", "phone": "+852 2345 6789",
        "mail": "tea@shop.example.com", "wechat": "demo_tea",
        "terms_url": "https://shop.example.com/terms",
        "privacy_url": "https://shop.example.com/privacy", "return_seconds": 8,
    });
    set_brand(&shop, brand);
    let stored = format!(
        "\"brand\":{{\"logo\":\"{id}\",\"mark\":\"{id}\",\"colour\":\"#1a7f37\",\
         \"phone\":\"+852 2345 6789\",\"mail\":\"tea@shop.example.com\",\
         \"wechat\":\"demo_tea\",\"terms_url\":\"https://shop.example.com/terms\",\
         \"privacy_url\":\"https://shop.example.com/privacy\",\"return_seconds\":8}}"
    );
    assert!(world.stored_text().contains(&stored), "{stored}");
}

#[test]
fn what_is_no_image_is_refused_and_nothing_is_stored() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for (bytes, says) in [
        (
            b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(),
            "SVG",
        ),
        (b"GIF89a".to_vec(), "not a PNG, JPEG or WebP"),
        (Vec::new(), "not a PNG, JPEG or WebP"),
        (disc(64)[..200].to_vec(), "damaged"),
        (png(4097, 1, |_, _| [0; 4]), "4097 × 1"),
        (png(3000, 3000, |_, _| [0; 4]), "8 million"),
    ] {
        let (status, answer) = shop.call("POST", "/v1/images?purpose=logo", bytes);
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("IMAGE_INVALID")),
            "{says}: {answer}"
        );
        assert!(text(&answer, "message").contains(says), "{says}: {answer}");
    }
    let (status, answer) = shop.call("POST", "/v1/images?purpose=icon", disc(9));
    assert_eq!((status, &answer["field"]), (400, &json!("purpose")));
    let large = vec![0; (2 << 20) + 1];
    let (status, answer) = shop.call("POST", "/v1/images?purpose=logo", large.clone());
    assert_eq!((status, &answer["code"]), (413, &json!("BODY_TOO_LARGE")));
    assert_eq!(
        shop.call("POST", "/v1/order", vec![b' '; 70_000]).0,
        413,
        "elsewhere 64 KiB"
    );
    assert_eq!(
        shop.call("GET", "/v1/images", "").1["data"]["images"],
        json!([])
    );
}

#[test]
fn a_merchant_has_two_hundred_images_at_most() {
    let world = Memory::default();
    let shop = world.shop("demo");
    for n in 0..200_u8 {
        send_image(&shop, "logo", png(1, 1, |_, _| [n, 0, 0, 255]));
    }
    let one_more = png(1, 1, |_, _| [0, 1, 0, 255]);
    let (status, answer) = shop.call("POST", "/v1/images?purpose=logo", one_more);
    assert_eq!((status, &answer["code"]), (409, &json!("TOO_MANY_IMAGES")));
    send_image(&shop, "logo", png(1, 1, |_, _| [7, 0, 0, 255]));
}

#[test]
fn a_brand_is_changed_field_by_field_and_audited() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let logo = send_image(&shop, "logo", disc(100));
    let set = set_brand(&shop, json!({"logo": logo["id"], "colour": "#1a7f37"}));
    assert_eq!(set["logo_url"], logo["url"]);
    let set = set_brand(
        &shop,
        json!({"phone": "+852 2345 6789", "wechat": "demo_tea"}),
    );
    assert_eq!(set["colour"], "#1a7f37", "stays");
    let set = set_brand(&shop, json!({"wechat": null}));
    assert_eq!(
        (&set["wechat"], &set["phone"]),
        (&Value::Null, &json!("+852 2345 6789"))
    );
    assert_eq!(shop.call("GET", "/v1/brand", "").1["data"], set);
    let audit = |of: &str| json!(shop.audit(of)).to_string();
    let (_, merchant) = world.admin_as(
        "GET",
        "/merchants/demo",
        tests::memory::ADMIN_TOKEN,
        &json!({}),
    );
    assert_eq!(merchant["data"]["brand"]["colour"], "#1a7f37", "{merchant}");
    assert!(audit("credentials").contains("settings changed: brand"));
    assert!(audit("money").contains("image added"));

    let picture = send_image(&shop, "picture", disc(100));
    for (change, code, field) in [
        (
            json!({"logo": "0123456789abcdef01234567.png"}),
            "IMAGE_NOT_FOUND",
            "logo",
        ),
        (json!({"logo": picture["id"]}), "FIELD_INVALID", "logo"),
        (json!({"colour": "red"}), "FIELD_INVALID", "colour"),
        (json!({"mail": "tea"}), "FIELD_INVALID", "mail"),
        (json!({"name": "Other"}), "FIELD_INVALID", "name"),
        (
            json!({"terms_url": "javascript:alert(1)"}),
            "FIELD_INVALID",
            "terms_url",
        ),
    ] {
        let (status, answer) = shop.call("PATCH", "/v1/brand", change.to_string());
        assert!((400..500).contains(&status), "{change}");
        assert_eq!(
            (&answer["code"], &answer["field"]),
            (&json!(code), &json!(field)),
            "{change}"
        );
    }
    assert_eq!(
        shop.call("GET", "/v1/brand", "").1["data"],
        set,
        "nothing changed"
    );
    // The operator's call replaces the whole brand.
    shop.change(&json!({"brand": {"colour": "#000080"}}));
    world.advance(31);
    let now = shop.call("GET", "/v1/brand", "").1["data"].clone();
    assert_eq!(
        (&now["colour"], &now["phone"]),
        (&json!("#000080"), &Value::Null)
    );
}

#[test]
fn previews_and_icons_are_the_shops_and_never_a_tick() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let url = checkout(&shop, "1", json!({}));
    let made = link(&shop, json!({"total_fee": 900}));
    let pages = [
        (url.as_str(), DESKTOP),
        (&url, ROBOT),
        (text(&made, "url"), DESKTOP),
    ];
    for (url, agent) in pages {
        let page = html(&get(&world, url, agent));
        let image = format!("og:image\" content=\"{GATEWAY}/image/demo.png\"");
        assert!(page.contains(&image), "{page}");
        assert!(
            page.contains("og:title\" content=\"Demo Tea House"),
            "{page}"
        );
    }
    let icon = get(&world, &format!("{GATEWAY}/image/demo.svg"), DESKTOP);
    assert_eq!(icon.headers()["content-type"], "image/svg+xml");
    assert!(html(&icon).contains(">D</text>"));
    let picture = get(&world, &format!("{GATEWAY}/image/demo.png"), DESKTOP);
    let mut decoder = png::Decoder::new(std::io::Cursor::new(picture.body().clone()));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert!(reader.info().width >= 300, "WeChat shows nothing smaller");
    let mut colours: Vec<&[u8]> = pixels.chunks(3).collect();
    colours.sort();
    colours.dedup();
    assert_eq!(colours, [&[0x06, 0x7a, 0x3c], &[0xff; 3]]);

    let logo = send_image(&shop, "logo", disc(100));
    set_brand(&shop, json!({"logo": logo["id"], "colour": "#1a4fa0"}));
    world.advance(31);
    for (url, agent) in pages {
        let page = html(&get(&world, url, agent));
        let image = format!("og:image\" content=\"{}\"", text(&logo, "url"));
        assert!(page.contains(&image), "{page}");
    }
    assert_eq!(
        get(&world, &format!("{GATEWAY}/image/unknown.png"), DESKTOP).status(),
        404
    );
    assert_eq!(
        get(&world, &format!("{GATEWAY}/image/demo.gif"), DESKTOP).status(),
        404
    );
}

#[test]
fn the_view_has_the_brand_and_the_picture_of_what_is_sold() {
    let world = Memory::default();
    let shop = world.shop("demo");
    set_brand(
        &shop,
        json!({"colour": "#1a4fa0", "mail": "tea@shop.example.com"}),
    );
    let picture = send_image(&shop, "picture", disc(500));
    let description = "Loose leaf.\nFrom Anxi.";
    let made = link(
        &shop,
        json!({"total_fee": 900, "picture": picture["id"], "description": description}),
    );
    assert_eq!(made["description"], description);
    world.advance(31);
    let bought = buy(&world, &made, "");
    let view = view(&world, &format!("{GATEWAY}{bought}"));
    assert_eq!(
        view["brand"],
        json!({"colour": "#1a4fa0", "mail": "tea@shop.example.com"})
    );
    assert_eq!(view["picture"], picture["url"]);
    assert_eq!(view["details"], description);
    // The style of the colour needs the policy's nonce.
    for url in [text(&made, "url").to_owned(), format!("{GATEWAY}{bought}")] {
        let page = get(&world, &url, DESKTOP);
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("style-src 'self' 'nonce-"), "{policy}");
    }
    for (change, field) in [
        (
            json!({"picture": "0123456789abcdef01234567.jpg"}),
            "picture",
        ),
        (json!({"picture": "x"}), "picture"),
        (json!({"description": "x\u{1}"}), "description"),
        (json!({"description": "x".repeat(4001)}), "description"),
    ] {
        let mut body = json!({"body": "Oolong", "total_fee": 1});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let (status, answer) = shop.call("POST", "/v1/link", body.to_string());
        assert!((400..500).contains(&status), "{answer}");
        assert_eq!(answer["field"], field);
    }
}

/// The receipt's address of a paid checkout.
fn receipt_of(world: &Memory, url: &str) -> String {
    view(world, url)["payment"]["receipt_url"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn a_receipt_shows_what_was_bought_paid_and_refunded() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let lines = json!([{"name": "Oolong", "quantity": 2, "unit_amount": 7000}, {"name": "Cup", "unit_amount": 1000}]);
    let url = checkout(&shop, "R1", json!({"lines": lines}));
    assert!(view(&world, &url)["payment"].is_null(), "not paid");
    pay_link(&world, url.strip_prefix(GATEWAY).unwrap());
    let paid = view(&world, &url);
    let transaction = paid["payment"]["transaction_id"].as_str().unwrap();
    let mut in_groups = String::new();
    ::checkout::draw_number(&mut in_groups, transaction);
    assert!(in_groups.contains("</span><span>"), "{in_groups}");
    let receipt = receipt_of(&world, &url);
    let page = get(&world, &receipt, DESKTOP);
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["cache-control"], "no-store");
    let page = html(&page);
    for shown in [
        "Demo Tea House",
        "HK$150.00",
        "2 × HK$70.00",
        "HK$140.00",
        "Cup",
        "R1",
        in_groups.as_str(),
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let openid = shop.status("R1")["openid"]
        .as_str()
        .unwrap_or("openid")
        .to_owned();
    assert!(!page.contains(&openid), "{page}");
    assert!(!page.contains("Refund"), "{page}");

    let body = json!({"out_trade_no": "R1", "refund_fee": 3000, "out_refund_no": "B1"});
    assert_eq!(shop.call("POST", "/v1/refund", body.to_string()).0, 200);
    let page = html(&get(&world, &receipt, DESKTOP));
    for shown in ["−HK$30.00", "HK$120.00"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let page = html(&get(&world, &format!("{receipt}&lang=zh-Hans"), DESKTOP));
    for shown in ["<html lang=\"zh-Hans\"", "收据", "交易单号", "商户单号"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    // The event has the receipt's address, too.
    let (_, events) = shop.call("GET", "/v1/events?type=order.paid", "");
    assert_eq!(
        events["data"]["events"][0]["object"]["receipt_url"],
        receipt
    );
}

#[test]
fn a_receipt_is_revoked_and_made_again() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let url = checkout(&shop, "R1", json!({}));
    let make = |number: &str| {
        shop.call(
            "POST",
            "/v1/receipt",
            json!({"out_trade_no": number}).to_string(),
        )
    };
    assert_eq!(make("R1").1["code"], "ORDER_NOT_PAID");
    assert_eq!(make("R2").1["code"], "ORDER_NOT_FOUND");
    pay_link(&world, url.strip_prefix(GATEWAY).unwrap());
    let receipt = receipt_of(&world, &url);
    let (status, made) = make("R1");
    assert_eq!(
        (status, &made["data"]["receipt_url"]),
        (200, &json!(receipt))
    );
    let (status, revoked) = shop.call("DELETE", "/v1/receipt?out_trade_no=R1", "");
    assert_eq!(
        (status, &revoked["data"]["receipt_url"]),
        (200, &Value::Null)
    );
    let gone = get(&world, &receipt, DESKTOP);
    assert_eq!(gone.status(), 404);
    assert!(view(&world, &url)["payment"]["receipt_url"].is_null());
    let again = make("R1").1["data"]["receipt_url"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_ne!(again, receipt);
    assert_eq!(get(&world, &again, DESKTOP).status(), 200);
    assert_eq!(
        get(&world, &receipt, DESKTOP).status(),
        404,
        "the old address stays revoked"
    );
    let other = again.replace("r=demo.", "r=other.");
    world.shop_with("other", &json!({"mch_id": "1900000110"}));
    assert_eq!(
        get(&world, &other, DESKTOP).status(),
        404,
        "another merchant's"
    );
}

#[test]
fn about_in_yuan_is_wechats_rate_asked_once_a_day() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let url = checkout(&shop, "Y1", json!({"expires_in_seconds": 7200}));
    let rates = |world: &Memory| {
        let calls = world.upstream_calls();
        calls
            .iter()
            .filter(|call| call.contains("queryexchagerate"))
            .count()
    };
    assert!(
        view(&world, &url)["about_cny"].is_null(),
        "unknown yet, and the page does not wait"
    );
    world.advance(1);
    let about = view(&world, &url)["about_cny"].clone();
    assert_eq!(about["currency"], "CNY", "{about}");
    let (_, rate) = shop.call("GET", "/v1/exchange_rate?fee_type=HKD", "");
    let rate: i64 = rate["data"]["rate"].as_str().unwrap().parse().unwrap();
    let expected = (15_000 * rate + 50_000_000) / 100_000_000;
    assert_eq!(about["amount_minor"], expected);
    let asked = rates(&world);
    world.advance(3600);
    view(&world, &url);
    world.advance(1);
    assert_eq!(rates(&world), asked, "the same day");
    let made = link(&shop, json!({"total_fee": 1500}));
    assert_eq!(get(&world, text(&made, "url"), DESKTOP).status(), 200);
    world.advance(86_400);
    get(&world, text(&made, "url"), DESKTOP);
    world.advance(1);
    assert_eq!(rates(&world), asked + 1, "the next day");
    let yuan = checkout(&shop, "Y2", json!({"fee_type": "CNY"}));
    assert!(view(&world, &yuan)["about_cny"].is_null());
}

/// The text of the code in a PNG.
fn scanned(file: &[u8]) -> String {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(file));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let read = reader.next_frame(&mut pixels).unwrap();
    let (side, channels) = (read.width as usize, read.color_type.samples());
    let grey = |x: usize, y: usize| {
        let pixel = &pixels[(y * side + x) * channels..][..channels];
        let sum: u32 = pixel.iter().take(3).map(|value| u32::from(*value)).sum();
        u8::try_from(sum / u32::try_from(channels.min(3)).unwrap()).unwrap()
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, grey);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1);
    grids[0].decode().unwrap().1
}

#[test]
fn a_code_with_a_logo_is_readable_at_every_size() {
    let opaque: fn(u32, u32) -> [u8; 4] = |_, _| [0, 0, 0, 255];
    let stripes: fn(u32, u32) -> [u8; 4] = |x, _| match x / 9 % 2 {
        0 => [0, 0, 0, 255],
        _ => [255, 255, 255, 255],
    };
    for (id, logo) in [
        ("a", disc(256)),
        ("demo-with-a-longer-id-0123456789", disc(256)),
        ("m8", png(256, 256, opaque)),
        ("m9", png(256, 64, stripes)),
        ("m10", png(20, 200, opaque)),
    ] {
        let world = Memory::default();
        let shop = world.shop_with(id, &json!({}));
        let logo = send_image(&shop, "logo", logo);
        set_brand(&shop, json!({"logo": logo["id"]}));
        world.advance(31);
        let made = link(&shop, json!({"max_fee": 100}));
        for size in ["", "&size=150", "&size=300", "&size=1024", "&size=1181"] {
            let url = format!("{}&logo=1&format=png{size}", text(&made, "qr_url"));
            let served = get(&world, &url, DESKTOP);
            assert_eq!(served.status(), 200, "{size}");
            assert_eq!(scanned(served.body()), text(&made, "url"), "{id}{size}");
        }
        let url = format!("{}&logo=1", text(&made, "qr_url"));
        let svg = html(&get(&world, &url, DESKTOP));
        assert!(svg.contains("href=\"data:image/png;base64,iVBOR"), "{svg}");
        // Without the logo, the initial is there again.
        let path = format!("/v1/images/{}", text(&logo, "id"));
        assert_eq!(shop.call("DELETE", &path, "").0, 200);
        let svg = html(&get(&world, &url, DESKTOP));
        assert!(!svg.contains("<image"), "{svg}");
    }
}

#[test]
fn sheets_are_printed_on_every_paper_and_in_series() {
    let world = Memory::default();
    let shop = world.shop("demo");
    let logo = send_image(&shop, "logo", disc(256));
    set_brand(&shop, json!({"logo": logo["id"], "colour": "#1a4fa0"}));
    world.advance(31);
    let made = link(&shop, json!({"total_fee": 8800}));
    let sheet = |query: &str| {
        let url = format!("{}{query}", text(&made, "sheet_url"));
        let answer = get(&world, &url, DESKTOP);
        (answer.status().as_u16(), html(&answer))
    };
    for (query, size) in [
        ("&paper=a5", "148mm 210mm"),
        ("&paper=tent", "210mm 297mm"),
        ("&paper=a6&marks=1", "121mm 164mm"),
    ] {
        let (status, html) = sheet(query);
        assert_eq!(status, 200);
        assert!(html.contains(&format!("@page{{size:{size}")), "{query}");
        assert!(html.contains("--brand:#1a4fa0"), "{query}");
        assert!(html.contains(text(&logo, "url")), "{query}");
    }
    let (_, html) = sheet("&series=Table&to=20&lang=en");
    assert_eq!(html.matches("<section class=\"page\">").count(), 20);
    assert!(html.contains(">Table 1<") && html.contains(">Table 20<"));
    assert!(!html.contains("微信"), "one language");
    let (_, html) = sheet("&series=%E6%A1%8C&from=8&to=9&lang=zh-Hans");
    assert!(html.contains(">桌8<") && html.contains(">桌9<"), "{html}");
    for (query, field) in [
        ("&paper=letter", "paper"),
        ("&marks=2", "marks"),
        ("&series=Table", "to"),
        ("&series=Table&to=51", "to"),
        ("&series=Table&from=5&to=4", "to"),
        ("&series=Table&from=x&to=4", "from"),
    ] {
        let (status, html) = sheet(query);
        assert_eq!(status, 400, "{query}");
        assert!(
            html.contains(&format!("\"field\":\"{field}\"")),
            "{query}: {html}"
        );
    }
}
