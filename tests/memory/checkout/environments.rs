//! The page for each environment: one address, opened in different programs.

use crate::checkout::sign_in::{Browser, DESKTOP, WECHAT, call, checkout, with_secret};
use serde_json::{Value, json};
use testkit::demo::MERCHANTS;
use tests::memory::{GATEWAY, Memory, Shop};

pub(crate) const SAFARI: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";
const ALIPAY: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 AliApp(AP/10.5.0.6000) AlipayClient/10.5.0.6000 Language/zh-Hans";
const WECOM: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 wxwork/4.1.30 MicroMessenger/7.0.1 Language/zh ColorScheme/Light wwmver/3.26.13.714";
const DESKTOP_WECHAT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf254173b) XWEB/19027 Flue";
const OLD_WECHAT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 6_0 like Mac OS X) AppleWebKit/536.26 (KHTML, like Gecko) Mobile/10A403 MicroMessenger/4.5";
const MINI_PROGRAM: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.47(0x18002f2c) NetType/WIFI Language/en miniProgram/wx5a11d0b0c0ffee05";
const ROBOT: &str = "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)";

/// The payment method of a page.
fn method(browser: &mut Browser, page: &str) -> Value {
    let (status, _, html) = browser.get(page);
    assert_eq!(status, 200, "{html}");
    let (_, json) = html.split_once("id=\"view\">").expect("a view");
    let (json, _) = json.split_once("</script>").unwrap();
    let page: Value = serde_json::from_str(json).unwrap();
    page["view"]["method"].clone()
}

/// The payment method for a payer with this User-Agent.
fn plan(world: &Memory, agent: &'static str, page: &str) -> Value {
    method(&mut Browser::new(world, agent), page)
}

fn assert_no_order(world: &Memory) {
    assert_eq!(world.upstream_calls(), Vec::<String>::new());
}

#[test]
fn each_place_has_its_way_to_pay_and_opening_the_page_orders_nothing() {
    let world = Memory::default();
    let page = checkout(&with_secret(&world), "1");
    let elsewhere = |reason: &str| json!({"open_in_wechat": {"reason": reason}});
    for (agent, expected) in [
        (DESKTOP, json!("native")),
        (DESKTOP_WECHAT, json!("native")),
        (SAFARI, elsewhere("phone_browser")),
        (ALIPAY, elsewhere("other_app")),
        (WECOM, elsewhere("wecom")),
        (MINI_PROGRAM, elsewhere("mini_program")),
        (OLD_WECHAT, json!("wechat_too_old")),
    ] {
        assert_eq!(plan(&world, agent, &page), expected, "{agent}");
        if expected != "native" {
            let (_, prepared) = Browser::new(&world, agent).post(&call(&page, "order"));
            assert!(prepared["link"].is_object(), "{agent}: {prepared}");
        }
    }
    assert_eq!(
        Browser::new(&world, WECHAT).get(&page).0,
        302,
        "an openid first"
    );
    assert_no_order(&world);
}

#[test]
fn a_link_preview_gets_title_amount_and_image_and_makes_no_order() {
    let world = Memory::default();
    let page = checkout(&world.shop("demo"), "secret-number");
    for agent in [
        ROBOT,
        "MicroMessenger Client",
        "TelegramBot (like TwitterBot)",
    ] {
        let mut robot = Browser::new(&world, agent);
        let (status, _, html) = robot.get(&page);
        assert_eq!(status, 200);
        for expected in [
            "<title>Demo Tea House · HK$88.00</title>",
            "<meta property=\"og:title\" content=\"Demo Tea House\">",
            "<meta property=\"og:description\" content=\"HK$88.00\">",
            "<meta property=\"og:image\" content=\"https://pay.example.com/image/demo.png\">",
            "noindex",
        ] {
            assert!(html.contains(expected), "{expected}: {html}");
        }
        for hidden in ["secret-number", "Oolong", "<script", "expires"] {
            assert!(!html.contains(hidden), "{hidden}: {html}");
        }
        let (_, prepared) = robot.post(&call(&page, "order"));
        assert!(prepared["link"].is_object(), "{prepared}");
    }
    // A robot with a browser's User-Agent reads the same three from the page.
    let (_, _, html) = Browser::new(&world, DESKTOP).get(&page);
    assert!(html.contains("og:title\" content=\"Demo Tea House · HK$88.00\""));
    assert!(html.contains("og:image\" content=\"https://pay.example.com/image/demo.png\""));
    assert_no_order(&world);
}

/// WeChat's page, and the address to which it returns the payer.
fn sent_away(prepared: &Value) -> (String, String) {
    let url = prepared["page"].as_str();
    let url = url.unwrap_or_else(|| panic!("{prepared}"));
    let (mweb_url, back) = url.split_once("&redirect_url=").unwrap();
    let plain = [
        ("%3A", ":"),
        ("%2F", "/"),
        ("%3F", "?"),
        ("%3D", "="),
        ("%26", "&"),
    ];
    let back = plain.iter().fold(back.to_owned(), |back, (coded, plain)| {
        back.replace(coded, plain)
    });
    (mweb_url.to_owned(), back)
}

/// Alice pays on WeChat's page; returns its answer's status and address.
fn pays(world: &Memory, mweb_url: &str, back: &str) -> (u16, String) {
    let (address, query) = mweb_url.split_once('?').unwrap();
    let back = back.replace('&', "%26");
    let request = http::Request::post(address)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("{query}&redirect_url={back}&payer=alice").into_bytes())
        .unwrap();
    let answer = world.at_wechat(&request);
    let location = answer.headers().get("location");
    let location = location.map_or("", |value| value.to_str().unwrap());
    (answer.status().as_u16(), location.to_owned())
}

pub(crate) fn with_h5(world: &Memory) -> Shop {
    world.shop_with("demo", &json!({"h5": true}))
}

#[test]
fn h3_a_phones_browser_pays_on_wechats_page_and_returns() {
    let world = Memory::default();
    let shop = with_h5(&world);
    let page = checkout(&shop, "1");
    let mut payer = Browser::new(&world, SAFARI);
    assert_eq!(method(&mut payer, &page), "h5");
    assert_no_order(&world);

    let in_hant = format!("{}&lang=zh-Hant", call(&page, "order"));
    let (status, prepared) = payer.post(&in_hant);
    assert_eq!(status, 200, "{prepared}");
    let (mweb_url, back) = sent_away(&prepared);
    assert_eq!(back, format!("{GATEWAY}{page}&lang=zh-Hant&back=1"));
    let (_, again) = payer.post(&in_hant);
    assert_eq!(again, prepared, "a double tap is one order");
    assert_eq!(world.upstream_calls(), ["/pay/unifiedorder"]);

    // The payer's return proves no payment.
    assert_eq!(method(&mut payer, &back), "h5");
    let (_, view) = payer.post(&call(&page, "check"));
    assert_eq!(view["state"], "open");

    assert_eq!(pays(&world, &mweb_url, &back), (303, back));
    let (_, view) = payer.post(&call(&page, "check"));
    assert!(view["state"]["paid"].is_object(), "{view}");
    let status = shop.status("1");
    assert_eq!(status["trade_state"], "SUCCESS");
    assert_eq!(status["trade_type"], "MWEB");
    let (_, done) = payer.post(&call(&page, "order"));
    assert!(
        done["not_open"].is_object(),
        "the back button after paying: {done}"
    );
}

#[test]
fn h4_wechats_page_gets_the_referrer() {
    let world = Memory::default();
    let page = checkout(&with_h5(&world), "1");
    let request = http::Request::get(format!("{GATEWAY}{page}"))
        .header("user-agent", SAFARI)
        .body(Vec::new())
        .unwrap();
    let answer = world.send(request);
    let policy = answer.headers().get("referrer-policy").unwrap();
    assert_eq!(
        policy, "strict-origin",
        "the origin, never the checkout's id"
    );
}

#[test]
fn h2_an_h5_address_is_not_reused_after_five_minutes() {
    let world = Memory::default();
    let shop = with_h5(&world);
    let page = checkout(&shop, "1");
    let mut payer = Browser::new(&world, SAFARI);
    let (_, prepared) = payer.post(&call(&page, "order"));
    let (old, back) = sent_away(&prepared);

    world.advance(279);
    assert_eq!(payer.post(&call(&page, "order")).1, prepared, "still good");
    world.advance(1);
    let (_, prepared) = payer.post(&call(&page, "order"));
    let (new, _) = sent_away(&prepared);
    assert_ne!(old, new);
    assert_ne!(
        pays(&world, &old, &back).0,
        303,
        "only one of them can be paid"
    );
    assert_eq!(pays(&world, &new, &back).0, 303);
    world.advance(1);
    let status = shop.status("1");
    assert_eq!(status["trade_state"], "SUCCESS");
    assert_eq!(status["out_trade_no"], "1-2");
}

#[test]
fn an_order_paid_at_the_last_moment_gets_no_new_address() {
    let world = Memory::default();
    let page = checkout(&with_h5(&world), "1");
    let mut payer = Browser::new(&world, SAFARI);
    let (_, prepared) = payer.post(&call(&page, "order"));
    let (mweb_url, back) = sent_away(&prepared);
    world.advance(285);
    world.lose_notices(true);
    assert_eq!(pays(&world, &mweb_url, &back).0, 303);
    let (_, done) = payer.post(&call(&page, "order"));
    assert!(done["not_open"]["state"]["paid"].is_object(), "{done}");
}

#[test]
fn h5_in_both_regions_of_v3_and_never_through_ionline() {
    for kind in MERCHANTS {
        let world = Memory::default();
        let account = world.account(kind.mch_id);
        let mut body = kind.admin_body(&account, "https://shop.example.com");
        body["h5"] = json!(true);
        body["store"] = json!({"name": "Demo Tea House", "address": "1 Queen's Road, Hong Kong"});
        if kind.dialect == "ionline" {
            let (status, refused) = world.admin("/merchants", &body);
            assert_eq!(status, 400, "{refused}");
            assert!(refused.to_string().contains("h5"), "{refused}");
            continue;
        }
        let granted = json!({"trade_types": ["JSAPI", "NATIVE", "MWEB"]});
        world.control(&format!("/sandbox/merchants/{}", kind.mch_id), &granted);
        let shop = world.shop_with(kind.id, &body);
        let page = checkout(&shop, "1");
        let (status, prepared) = Browser::new(&world, SAFARI).post(&call(&page, "order"));
        assert_eq!(status, 200, "{}: {prepared}", kind.id);
        let (mweb_url, back) = sent_away(&prepared);
        assert_eq!(pays(&world, &mweb_url, &back).0, 303, "{}", kind.id);
        world.advance(1);
        assert_eq!(shop.status("1")["trade_state"], "SUCCESS", "{}", kind.id);
    }
}

#[test]
fn a_merchants_long_name_is_cut_for_wechat_and_stays_whole_for_the_payer() {
    let world = Memory::default();
    let name = "\"茶\"".repeat(12);
    let shop = world.shop_with("demo", &json!({"h5": true, "name": name}));
    let page = checkout(&shop, "1");
    let (status, prepared) = Browser::new(&world, SAFARI).post(&call(&page, "order"));
    assert_eq!(status, 200, "{prepared}");
}

#[test]
fn only_phones_browsers_are_sent_to_wechats_page() {
    let world = Memory::default();
    let page = checkout(&with_h5(&world), "1");
    for (agent, expected) in [
        (ALIPAY, json!({"open_in_wechat": {"reason": "other_app"}})),
        (WECOM, json!({"open_in_wechat": {"reason": "wecom"}})),
        (DESKTOP, json!("native")),
    ] {
        assert_eq!(plan(&world, agent, &page), expected);
    }
}

#[test]
fn inside_its_own_mini_program_the_merchants_page_is_opened() {
    let world = Memory::default();
    let mini_program = json!({"mini_program": {"appid": "wx5a11d0b0c0ffee05"}});
    let page = checkout(&world.shop_with("demo", &mini_program), "1");
    assert_eq!(plan(&world, MINI_PROGRAM, &page), "mini_program");
    let (_, prepared) = Browser::new(&world, MINI_PROGRAM).post(&call(&page, "order"));
    assert!(prepared["link"].is_object(), "{prepared}");

    // Inside another merchant's Mini Program there is no such page.
    let other = json!({"mini_program": {"appid": "wx5a11d0b0c0ffee06"}});
    let foreign = checkout(&world.shop_with("other", &other), "2");
    assert_eq!(
        plan(&world, MINI_PROGRAM, &foreign),
        json!({"open_in_wechat": {"reason": "mini_program"}})
    );
    assert_no_order(&world);
}

#[test]
fn a_detected_mini_program_counts_inside_wechat_only() {
    let world = Memory::default();
    let change = json!({
        "mini_program": {"appid": "wx5a11d0b0c0ffee05"},
        "app_secret": "5a11d0b0c0ffee015a11d0b0c0ffee01",
    });
    let page = checkout(&world.shop_with("demo", &change), "1");
    let signed = format!("{page}&env=miniprogram");
    assert_eq!(
        plan(&world, WECHAT, &signed),
        "mini_program",
        "and no openid"
    );
    assert_eq!(plan(&world, DESKTOP, &signed), "native");
    assert_eq!(
        Browser::new(&world, WECHAT).get(&format!("{page}&env=x")).0,
        302
    );
}
