//! The table in docs/environments.md, cell by cell: a checkout is opened by the
//! cell's browsers, and followed to its end: paid where that is possible,
//! otherwise continued in WeChat as the page explains, and paid there.

use crate::browser::Browser;
use crate::hosted::{host, hosted, opens_as_alice};
use crate::test_system::TestSystem;
use crate::visit;
use serde_json::json;
use testkit::demo::StaticHost;
use tests::live::Shop;

const DOCUMENT: &str = include_str!("../../docs/environments.md");

/// A cell's browsers: the row's name, the column, the picture's name, and the
/// User-Agent.
const PLACES: [(&str, &str, &str, &str); 33] = [
    (
        WECHAT,
        "phone",
        "wechat-ios",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/en",
    ),
    (
        WECHAT,
        "phone",
        "wechat-android",
        "Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1.230804.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240404 MMWEBID/8833 MicroMessenger/8.0.49.2600(0x28003156) WeChat/arm64 Weixin NetType/5G Language/en ABI/arm64",
    ),
    (
        WECHAT,
        "phone",
        "wechat-harmony",
        "Mozilla/5.0 (Phone; OpenHarmony 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.0.0.47 Mobile MicroMessenger/8.0.13.30(0x28000d1e) Weixin NetType/WIFI Language/en",
    ),
    (
        WECHAT,
        "phone",
        "wechat-5",
        "Mozilla/5.0(iphone;CPU iphone OS 5_1_1 like Mac OS X) AppleWebKit/534.46(KHTML,like Gecko) Mobile/9B206 MicroMessenger/5.0",
    ),
    (
        WECHAT,
        "tablet",
        "wechat-ipad",
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.42(0x18002a2f) NetType/WIFI Language/en",
    ),
    (
        WECHAT,
        "computer",
        "wechat-windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf254173b) XWEB/19027 Flue",
    ),
    (
        WECHAT,
        "computer",
        "wechat-mac",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) MacWechat/3.8.7(0x13080712) UnifiedPCMacWechat(0xf26411f0) XWEB/16512 Flue",
    ),
    (
        OLD,
        "phone",
        "wechat-4-android",
        "Mozilla/5.0 (Linux; U; Android 2.3.6; zh-cn; GT-S5660 Build/GINGERBREAD) AppleWebKit/533.1 (KHTML, like Gecko) Version/4.0 Mobile Safari/533.1 MicroMessenger/4.5.255",
    ),
    (
        OLD,
        "tablet",
        "wechat-4-ipad",
        "Mozilla/5.0 (iPad; CPU OS 6_0 like Mac OS X) AppleWebKit/536.26 (KHTML, like Gecko) Mobile/10A403 MicroMessenger/4.5",
    ),
    (
        OLD,
        "computer",
        "wechat-4-windows",
        "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/32.0.1700.107 Safari/537.36 MicroMessenger/4.5 WindowsWechat",
    ),
    (
        OWN,
        "phone",
        "mini-program-ios",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.47(0x18002f2c) NetType/WIFI Language/en miniProgram/wx5a11d0b0c0ffee05",
    ),
    (
        OWN,
        "tablet",
        "mini-program-ipad",
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.42(0x18002a2f) NetType/WIFI Language/en miniProgram/wx5a11d0b0c0ffee05",
    ),
    (
        OWN,
        "computer",
        "mini-program-windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI MiniProgramEnv/Windows WindowsWechat/WMPF WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf2541a1b) XWEB/19895 miniProgram/wx5a11d0b0c0ffee05",
    ),
    (
        FOREIGN,
        "phone",
        "other-mini-program-android",
        "Mozilla/5.0 (Linux; Android 12; M2102K1C Build/SKQ1.211006.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/86.0.4240.99 XWEB/3171 MMWEBSDK/20211202 Mobile Safari/537.36 MMWEBID/5331 MicroMessenger/8.0.18.2062(0x28001241) Process/appbrand2 WeChat/arm64 Weixin GPVersion/1 NetType/4G Language/en ABI/arm64 miniProgram/wx5a11d0b0c0ffee02",
    ),
    (
        FOREIGN,
        "tablet",
        "other-mini-program-ipad",
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.42(0x18002a2f) NetType/WIFI Language/en miniProgram/wx5a11d0b0c0ffee02",
    ),
    (
        FOREIGN,
        "computer",
        "other-mini-program-windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI MiniProgramEnv/Windows WindowsWechat/WMPF WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf2541a1b) XWEB/19895 miniProgram/wx5a11d0b0c0ffee02",
    ),
    (
        WECOM,
        "phone",
        "wecom-android",
        "Mozilla/5.0 (Linux; Android 15; V2309A Build/AP3A.240905.015; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.86 Mobile Safari/537.36 wxwork/4.1.36 MicroMessenger/7.0.1 NetType/4G Language/en Lang/en ColorScheme/Dark wwmver/3.26.36.632",
    ),
    (
        WECOM,
        "tablet",
        "wecom-ipad",
        "Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 wxwork/4.1.30 MicroMessenger/7.0.1 Language/en ColorScheme/Light",
    ),
    (
        WECOM,
        "computer",
        "wecom-windows",
        "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.5304.110 Safari/537.36 Language/en wxwork/4.1.10 (MicroMessenger/6.2) WindowsWechat  MailPlugin_Electron WeMail embeddisk",
    ),
    (
        APP,
        "phone",
        "alipay",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 NebulaSDK/1.8.100112 Nebula PSDType(1) AlipayDefined(nt:WIFI,ws:390|780|3.0) AliApp(AP/10.5.0.6000) AlipayClient/10.5.0.6000 Language/en Region/HK",
    ),
    (
        APP,
        "phone",
        "qq",
        "Mozilla/5.0 (Linux; Android 13; PGU110 Build/TP1A.220905.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/109.0.5414.86 MQQBrowser/6.2 TBS/046715 Mobile Safari/537.36 V1_AND_SQ_8.9.75_4482_YYB_D QQ/8.9.75.12110 NetType/WIFI WebP/0.3.0 AppId/537170183",
    ),
    (
        APP,
        "tablet",
        "alipay-ipad",
        "Mozilla/5.0 (iPad; CPU OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 AliApp(AP/10.5.0.6000) AlipayClient/10.5.0.6000 Language/en",
    ),
    (
        APP,
        "computer",
        "dingtalk-windows",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 DingTalk(7.5.0) nw(0.14.7) Channel/201200",
    ),
    (
        H5,
        "phone",
        "h5-safari",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    ),
    (
        H5,
        "tablet",
        "h5-ipad",
        "Mozilla/5.0 (iPad; CPU OS 12_5_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1",
    ),
    (
        H5,
        "computer",
        "h5-edge",
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    ),
    (
        BROWSER,
        "phone",
        "chrome-android",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    ),
    (
        BROWSER,
        "phone",
        "browser-harmony",
        "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1 Mobile",
    ),
    (
        BROWSER,
        "tablet",
        "chrome-tablet",
        "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    ),
    (
        BROWSER,
        "computer",
        "firefox",
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    ),
    (
        ROBOT,
        "phone",
        "googlebot",
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.69 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
    (
        ROBOT,
        "tablet",
        "applebot",
        "Mozilla/5.0 (iPad; CPU OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1 (Applebot/0.1; +http://www.apple.com/go/applebot)",
    ),
    (ROBOT, "computer", "wechat-preview", "MicroMessenger Client"),
];

const WECHAT: &str = "WeChat 5.0 and later";
const OLD: &str = "WeChat before 5.0";
const OWN: &str = "Mini Program web-view, of the merchant's own Mini Program";
const FOREIGN: &str = "Mini Program web-view, otherwise";
const WECOM: &str = "WeCom";
const APP: &str = "another app";
const H5: &str = "browser, of a merchant with H5";
const BROWSER: &str = "browser, otherwise";
const ROBOT: &str = "robot, link preview";

/// The cells of a column of the document's table: the row's name, and the
/// payment method.
fn column(name: &str) -> Vec<(&'static str, &'static str)> {
    let (_, rest) = DOCUMENT.split_once("compares them -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /environments -->").unwrap();
    let mut rows = table.lines().map(|line| {
        let cells = line.trim_matches('|').split('|').map(str::trim);
        cells.collect::<Vec<_>>()
    });
    let head = rows.next().unwrap();
    let at = head.iter().position(|cell| *cell == name).unwrap();
    rows.skip(1).map(|row| (row[0], row[at])).collect()
}

/// Who sends the page.
#[derive(Clone, Copy)]
enum From<'a> {
    TheGateway,
    AnotherHost(&'a StaticHost),
}

fn drive(name: &str, width: u32, height: u32, from_another_host: bool) {
    visit(|system, payer| {
        let host = host(&system.gateway());
        let from = match from_another_host {
            true => From::AnotherHost(&host),
            false => From::TheGateway,
        };
        let origins = json!([host.origin()]);
        let secret = crate::test_system::APP_SECRET;
        let secret = json!({ "app_secret": secret, "redirect_origins": origins });
        let plain = system.merchant("plain", &secret);
        let own = json!({ "appid": "wx5a11d0b0c0ffee05" });
        let mut everything = json!({ "h5": true, "mini_program": own });
        let fields = everything.as_object_mut().unwrap();
        fields.extend(secret.as_object().unwrap().clone());
        let everything = system.merchant("everything", &everything);
        payer.has_a_window_of(width, height);
        if !from_another_host {
            payer.has_the_phone_of("alice");
        }
        payer.runs_first(crate::BRIDGE);
        for (row, way) in column(name) {
            let shop = if [OWN, H5].contains(&row) {
                &everything
            } else {
                &plain
            };
            let mut driven = 0;
            for (_, _, picture, user_agent) in PLACES
                .into_iter()
                .filter(|place| (place.0, place.1) == (row, name))
            {
                payer.calls_itself(user_agent);
                let hosting = if from_another_host { "hosted-" } else { "" };
                let picture = format!("place-{hosting}{name}-{picture}");
                follow(system, payer, shop, way, from, &picture);
                driven += 1;
            }
            assert!(driven > 0, "nothing stands for {row}, {name}");
        }
    });
}

/// Opens a checkout, acts as this payment method requires, and sees it paid.
fn follow(
    system: &TestSystem,
    payer: &Browser,
    shop: &Shop,
    way: &str,
    from: From<'_>,
    picture: &str,
) {
    let at_gateway = system.checkout_at(shop, &json!({ "lang": "en" }));
    let checkout = match from {
        From::TheGateway => at_gateway.clone(),
        From::AnotherHost(host) => hosted(host, &at_gateway),
    };
    let before = system.orders().len();
    match (from, way) {
        (From::AnotherHost(_), "JSAPI") => opens_as_alice(payer, &checkout),
        _ => payer.opens(&checkout),
    }
    payer.sees("HK$48.00");
    let ordered = || system.orders().len() - before;
    match way {
        "JSAPI" => {
            payer.sees_control("Pay now");
            assert_eq!(
                ordered(),
                0,
                "{picture}: a page that is read orders nothing"
            );
            payer.pictures(picture);
            payer.taps("Pay now");
            system.pays_by_the_bridge(payer, 0);
            payer.evaluates("answers(0, 'get_brand_wcpay_request:ok')");
        }
        "Native QR" => {
            let code = payer.scans();
            payer.pictures(picture);
            system.scan(&code);
        }
        "H5" => {
            payer.sees_control("Pay now");
            assert_eq!(
                ordered(),
                0,
                "{picture}: a page that is read orders nothing"
            );
            payer.pictures(picture);
            payer.taps("Pay now");
            payer.taps("Pay as alice");
            payer.is_at(&format!("{checkout}&back=1"));
        }
        "native page" => {
            payer.sees_control("Pay now");
            payer.pictures(picture);
            payer.taps("Pay now");
            payer.sees("Finish paying in WeChat");
            let asked = payer.evaluates("return [calls[0].name, calls[0].request]");
            let (_, query) = checkout.split_once('?').unwrap();
            let page = format!("/pages/weceive-pay/index?{query}");
            let request = json!({ "name": "navigateTo", "arg": { "url": page } });
            assert_eq!(asked, json!(["invokeMiniProgramAPI", request]), "{picture}");
            payer.evaluates("answers(0, 'invokeMiniProgramAPI:ok')");
            assert_eq!(ordered(), 0, "{picture}: that page's to make");
            system.pays_elsewhere(&at_gateway);
        }
        "continue in WeChat" => {
            payer.sees_control("Copy link");
            assert_eq!(payer.scans(), checkout, "{picture}");
            payer.pictures(picture);
            assert_eq!(ordered(), 0, "{picture}");
            system.pays_elsewhere(&at_gateway);
        }
        "update WeChat" => {
            payer.sees("Please update WeChat");
            payer.sees_control("Copy link");
            payer.pictures(picture);
            assert_eq!(ordered(), 0, "{picture}");
            system.pays_elsewhere(&at_gateway);
        }
        // A static host sends everyone the same page.
        "preview" if matches!(from, From::AnotherHost(_)) => {
            payer.sees("Open this page in WeChat");
            assert_eq!(ordered(), 0, "{picture}");
            return;
        }
        "preview" => {
            payer.pictures(picture);
            assert_eq!(payer.title(), "Demo Tea House · HK$48.00");
            payer.does_not_see("Jasmine pearls");
            assert_eq!(payer.evaluates("return document.scripts.length"), 0);
            assert_eq!(ordered(), 0, "{picture}");
            return;
        }
        other => panic!("docs/environments.md has a way that is not driven: {other}"),
    }
    payer.sees("Payment successful");
    assert_eq!(ordered(), 1, "{picture}");
}

#[test]
fn every_environment_on_a_phone_can_be_paid() {
    drive("phone", 390, 780, false);
}

#[test]
fn every_environment_on_a_tablet_can_be_paid() {
    drive("tablet", 820, 1180, false);
}

#[test]
fn every_environment_on_a_computer_can_be_paid() {
    drive("computer", 1280, 800, false);
}

#[test]
fn every_environment_on_a_phone_can_be_paid_on_another_host() {
    drive("phone", 390, 780, true);
}

#[test]
fn every_environment_on_a_tablet_can_be_paid_on_another_host() {
    drive("tablet", 820, 1180, true);
}

#[test]
fn every_environment_on_a_computer_can_be_paid_on_another_host() {
    drive("computer", 1280, 800, true);
}
