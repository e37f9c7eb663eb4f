//! User-Agents seen in practice and the environment that each gives, compared
//! with `docs/environments.md`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at the first thing that is not as it should be"
)]

use checkout::Device::{Desktop, Phone, Tablet};
use checkout::{
    App, Device, Environment, MINI_PROGRAM_PAGE, Method, Offers, Reason, Version, plan,
};

const fn wechat(major: u16, minor: u16) -> App {
    App::WeChat {
        version: Some(Version { major, minor }),
    }
}

const USER_AGENTS: &[(App, Device, &str)] = &[
    // WeChat on phones.
    (
        wechat(8, 0),
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN",
    ),
    (
        wechat(8, 0),
        Phone,
        "Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1.230804.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36 XWEB/1160117 MMWEBSDK/20240404 MMWEBID/8833 MicroMessenger/8.0.49.2600(0x28003156) WeChat/arm64 Weixin NetType/5G Language/zh_CN ABI/arm64",
    ),
    (
        wechat(7, 0),
        Phone,
        "Mozilla/5.0 (Linux; Android 9; Redmi Note 5 Build/PKQ1.180904.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/78.0.3904.62 XWEB/2853 MMWEBSDK/201201 Mobile Safari/537.36 MMWEBID/1119 MicroMessenger/7.0.22.1820(0x2700163B) Process/toolsmp WeChat/arm64 Weixin NetType/WIFI Language/en ABI/arm64",
    ),
    (
        wechat(6, 2),
        Phone,
        "Mozilla/5.0 (Linux; U; Android 4.4.2; zh-cn; PE-TL20 Build/HuaweiPE-TL20) AppleWebKit/533.1 (KHTML, like Gecko)Version/4.0 MQQBrowser/5.4 TBS/025440 Mobile Safari/533.1 MicroMessenger/6.2.5.53_r2565f18.621 NetType/WIFI Language/zh_CN",
    ),
    (
        wechat(8, 0),
        Phone,
        "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1 Mobile MicroMessenger/8.0.6.32(0x28000600) Weixin NetType/WIFI Language/zh_CN",
    ),
    (
        wechat(8, 0),
        Phone,
        "Mozilla/5.0 (Phone; OpenHarmony 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.0.0.47 Mobile MicroMessenger/8.0.13.30(0x28000d1e) Weixin NetType/WIFI Language/zh_CN",
    ),
    (
        wechat(8, 0),
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.65(0x1800412d) NetType/4G Language/en",
    ),
    // The example of the WeChat Pay v2 manual, section 7.5, and versions on
    // either side of 5.0.
    (
        wechat(5, 0),
        Phone,
        "Mozilla/5.0(iphone;CPU iphone OS 5_1_1 like Mac OS X) AppleWebKit/534.46(KHTML,like Gecko) Mobile/9B206 MicroMessenger/5.0",
    ),
    (
        wechat(5, 0),
        Phone,
        "mozilla/5.0 (linux; u; android 4.1.2; zh-cn; mi-one plus build/jzo54k) applewebkit/534.30 (khtml, like gecko) version/4.0 mobile safari/534.30 micromessenger/5.0.1.352",
    ),
    (
        wechat(4, 5),
        Phone,
        "Mozilla/5.0 (Linux; U; Android 2.3.6; zh-cn; GT-S5660 Build/GINGERBREAD) AppleWebKit/533.1 (KHTML, like Gecko) Version/4.0 Mobile Safari/533.1 MicroMessenger/4.5.255",
    ),
    (
        App::WeChat { version: None },
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Mobile/15E148 MicroMessenger",
    ),
    (
        App::WeChat { version: None },
        Phone,
        "Mozilla/5.0 (iPhone) MicroMessenger/99999999.1",
    ),
    // WeChat on tablets and computers.
    (
        wechat(8, 0),
        Tablet,
        "Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.42(0x18002a2f) NetType/WIFI Language/zh_CN",
    ),
    (
        wechat(7, 0),
        Desktop,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/122.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090c11) XWEB/11275 Flue",
    ),
    (
        wechat(6, 8),
        Desktop,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/6.8.0(0x16080000) MacWechat/3.8.7(0x13080710) XWEB/1191 Flue",
    ),
    (
        wechat(7, 0),
        Desktop,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) MacWechat/3.8.7(0x13080712) UnifiedPCMacWechat(0xf26411f0) XWEB/16512 Flue",
    ),
    (
        wechat(7, 0),
        Desktop,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf254173b) XWEB/19027 Flue",
    ),
    (
        wechat(7, 0),
        Desktop,
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 NetType/WIFI MicroMessenger/7.0.20.1781(0x6700143B) WindowsWechat(0x63090a13) UnifiedPCLinuxWechat(0xf2741104) XWEB/14910 Flue",
    ),
    // Web-views in Mini Programs. A Mini Program's own requests
    // (`MiniProgramEnv`) are not web-views.
    (
        App::MiniProgram,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.47(0x18002f2c) NetType/WIFI Language/zh_CN miniProgram/wx5a11d0b0c0ffee02",
    ),
    (
        App::MiniProgram,
        Phone,
        "Mozilla/5.0 (Linux; Android 12; M2102K1C Build/SKQ1.211006.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/86.0.4240.99 XWEB/3171 MMWEBSDK/20211202 Mobile Safari/537.36 MMWEBID/5331 MicroMessenger/8.0.18.2062(0x28001241) Process/appbrand2 WeChat/arm64 Weixin GPVersion/1 NetType/4G Language/zh_CN ABI/arm64 miniProgram/wx5a11d0b0c0ffee02",
    ),
    (
        App::MiniProgram,
        Desktop,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI MiniProgramEnv/Windows WindowsWechat/WMPF WindowsWechat(0x63090a13) UnifiedPCWindowsWechat(0xf2541a1b) XWEB/19895 miniProgram/wx5a11d0b0c0ffee02",
    ),
    (
        wechat(7, 0),
        Desktop,
        "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/53.0.2785.143 Safari/537.36 MicroMessenger/7.0.9.501 NetType/WIFI MiniProgramEnv/Windows WindowsWechat",
    ),
    // WeCom.
    (
        App::WeCom,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 wxwork/4.1.30 MicroMessenger/7.0.1 Language/zh ColorScheme/Light wwmver/3.26.13.714",
    ),
    (
        App::WeCom,
        Phone,
        "Mozilla/5.0 (Linux; Android 15; V2309A Build/AP3A.240905.015; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.6723.86 Mobile Safari/537.36 wxwork/4.1.36 MicroMessenger/7.0.1 NetType/4G Language/zh Lang/zh ColorScheme/Dark wwmver/3.26.36.632",
    ),
    (
        App::WeCom,
        Desktop,
        "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/107.0.5304.110 Safari/537.36 Language/zh wxwork/4.1.10 (MicroMessenger/6.2) WindowsWechat  MailPlugin_Electron WeMail embeddisk",
    ),
    // Other apps.
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 NebulaSDK/1.8.100112 Nebula PSDType(1) AlipayDefined(nt:WIFI,ws:390|780|3.0) AliApp(AP/10.5.0.6000) AlipayClient/10.5.0.6000 Language/zh-Hans Region/CN",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (Linux; Android 13; PGU110 Build/TP1A.220905.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/109.0.5414.86 MQQBrowser/6.2 TBS/046715 Mobile Safari/537.36 V1_AND_SQ_8.9.75_4482_YYB_D QQ/8.9.75.12110 NetType/WIFI WebP/0.3.0 AppId/537170183",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/20G75 Weibo (iPhone14,5__weibo__13.9.1__iphone__os16.6)",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148/sa-sdk-ios (com.unionpay.chsp) (cordova 4.5.4) (updebug 0) (version 938) (UnionPay/1.0 CloudPay) (clientVersion 198) (language zh_CN) (upHtml) (walletMode 00)",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148com.bankcomm.maidanba.V2;mapp_saoma;WKWebView;UnionPay/1.0 BoComMDB;buildVersion265;mdbTitleBar;",
    ),
    (
        App::Other,
        Phone,
        "jdapp;iPhone;12.3.2;;;M/5.0;appBuild/169031;Mozilla/5.0 (iPhone; CPU iPhone OS 15_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148;supportJDSHWK/1;",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 15_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 AliApp(TB/10.14.0) WindVane/8.7.2 UT4Aplus/0.0.4 828x1792 WK",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (Linux; Android 16; PTP-AN00 Build/HONORPTP-AN00; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/139.0.7258.158 Mobile Safari/537.36 Yoda/3.2.17-rc2 Kwai/13.9.30.44872 OS_PRO_BIT/64 KDT/PHONE NetType/NR locale/zh-cn",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1_1 like Mac OS X) AppleWebKit/619.2.8.10.9 (KHTML, like Gecko) Mobile/22B91 BiliApp/83000100 os/ios model/iPhone 13 mobi_app/iphone build/83000100 osVer/18.1.1 network/2 channel/AppStore c_locale/zh-Hans_CN",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 musical_ly_35.3.0 JsSdk/2.0 NetType/WIFI Channel/App Store ByteLocale/en Region/US ByteFullLocale/en-US isDarkMode/0 WKWebView/1 RevealType/Dialog BytedanceWebview/d8a21c6",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (Linux; Android 12; SM-A525F Build/SP1A.210812.016; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/107.0.5304.141 Mobile Safari/537.36 BytedanceWebview/d8a21c6 trill_2022803040 JsSdk/1.0 NetType/WIFI Channel/googleplay",
    ),
    (
        App::Other,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/21E236 [FBAN/FBIOS;FBAV/460.0.0.31.103;FBBV/585343460;FBDV/iPhone15,3;FBMD/iPhone;FBSN/iOS;FBSV/17.4.1]",
    ),
    // Browsers.
    (
        App::Browser,
        Phone,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    ),
    (
        App::Browser,
        Phone,
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
    ),
    (
        App::Browser,
        Phone,
        "Mozilla/5.0 (Linux; Android 10; TAS-AN00; HMSCore 6.1.0.314) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/88.0.4324.93 HuaweiBrowser/11.1.1.301 Mobile Safari/537.36",
    ),
    (
        App::Browser,
        Phone,
        "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1 Mobile",
    ),
    (
        App::Browser,
        Phone,
        "Mozilla/5.0 (Phone; OpenHarmony 6.0; Android 10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.0.0.125 Mobile HuaweiBrowser/5.1.12.303",
    ),
    (
        App::Browser,
        Tablet,
        "Mozilla/5.0 (Tablet; OpenHarmony 6.1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.1.0.117 HuaweiBrowser/6.1.5.300",
    ),
    (
        App::Browser,
        Phone,
        "Mozilla/5.0 (Linux; Android 11; CUBOT X50) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/119.0.0.0 Mobile Safari/537.36",
    ),
    (
        App::Browser,
        Phone,
        "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
    ),
    (
        App::Browser,
        Tablet,
        "Mozilla/5.0 (iPad; CPU OS 12_5_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1.2 Mobile/15E148 Safari/604.1",
    ),
    (
        App::Browser,
        Tablet,
        "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    ),
    (
        App::Browser,
        Tablet,
        "Mozilla/5.0 (Tablet; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1 Mobile",
    ),
    (
        App::Browser,
        Desktop,
        "Mozilla/5.0 (PC; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/114.0.0.0 Safari/537.36  ArkWeb/4.1.6.1",
    ),
    (
        App::Browser,
        Desktop,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    ),
    (
        App::Browser,
        Desktop,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
    ),
    (
        App::Browser,
        Desktop,
        "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    ),
    (
        App::Browser,
        Desktop,
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
    ),
    (App::Browser, Desktop, "curl/8.5.0"),
    (App::Browser, Desktop, ""),
    // Robots.
    (
        App::Robot,
        Desktop,
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
    (
        App::Robot,
        Phone,
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.6778.69 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    ),
    (
        App::Robot,
        Desktop,
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    ),
    (
        App::Robot,
        Desktop,
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    ),
    (App::Robot, Desktop, "TelegramBot (like TwitterBot)"),
    (App::Robot, Desktop, "WhatsApp/2.23.20.0"),
    (
        App::Robot,
        Desktop,
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    ),
    (
        App::Robot,
        Desktop,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    ),
    (
        App::Robot,
        Desktop,
        "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5",
    ),
    (
        App::Robot,
        Desktop,
        "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    ),
    (
        App::Robot,
        Desktop,
        "LinkedInBot/1.0 (compatible; Mozilla/5.0; Jakarta Commons-HttpClient/3.1)",
    ),
    (
        App::Robot,
        Phone,
        "Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Mobile Safari/537.36 (compatible; Bytespider; spider-feedback@bytedance.com)",
    ),
    // WeChat fetching a page by itself, for a preview in a chat.
    (App::Robot, Desktop, "MicroMessenger Client"),
];

#[test]
fn real_user_agents() {
    for (app, device, user_agent) in USER_AGENTS.iter().copied() {
        assert_eq!(
            Environment::from_user_agent(user_agent),
            Environment { app, device },
            "{user_agent}"
        );
    }
}

#[test]
fn a_hostile_user_agent_is_a_browser() {
    for user_agent in [
        "\u{0}\u{7f}微信",
        "MicroMessenge",
        "é".repeat(100_000).as_str(),
    ] {
        assert_eq!(
            Environment::from_user_agent(user_agent),
            Environment {
                app: App::Browser,
                device: Desktop
            }
        );
    }
}

#[test]
fn a_page_can_detect_a_mini_program() {
    let inside = |app| {
        let environment = Environment { app, device: Phone };
        environment.inside_a_mini_program().app
    };
    assert_eq!(inside(wechat(6, 7)), App::MiniProgram);
    for app in [App::WeCom, App::Browser, App::Other, App::Robot] {
        assert_eq!(inside(app), app, "only WeChat has them");
    }
}

#[test]
fn a_web_view_names_its_mini_program() {
    for (user_agent, appid) in [
        (
            "MicroMessenger/8.0.47 Language/zh_CN miniProgram/wx5a11d0b0c0ffee02",
            Some("wx5a11d0b0c0ffee02"),
        ),
        ("MicroMessenger/8.0.47 miniProgram/wx1 x", Some("wx1")),
        ("MicroMessenger/7.0.4 miniProgram", None),
        ("MicroMessenger/7.0.4 miniProgram/", None),
        ("MicroMessenger/7.0.4 miniProgram/<script>", None),
        ("", None),
    ] {
        assert_eq!(Environment::mini_program_appid(user_agent), appid);
    }
}

/// The rows of the table: a name, and the User-Agents that it covers.
const ROWS: [(&str, App, Offers); 9] = [
    ("WeChat 5.0 and later", wechat(8, 0), NOTHING),
    ("WeChat before 5.0", wechat(4, 5), NOTHING),
    (
        "Mini Program web-view, of the merchant's own Mini Program",
        App::MiniProgram,
        EVERYTHING,
    ),
    (
        "Mini Program web-view, otherwise",
        App::MiniProgram,
        NOTHING,
    ),
    ("WeCom", App::WeCom, EVERYTHING),
    ("another app", App::Other, EVERYTHING),
    ("browser, of a merchant with H5", App::Browser, EVERYTHING),
    ("browser, otherwise", App::Browser, NOTHING),
    ("robot, link preview", App::Robot, EVERYTHING),
];

const NOTHING: Offers = Offers {
    h5: false,
    mini_program: false,
};

const EVERYTHING: Offers = Offers {
    h5: true,
    mini_program: true,
};

const fn name(method: Method) -> &'static str {
    match method {
        Method::Jsapi => "JSAPI",
        Method::Native => "Native QR",
        Method::H5 => "H5",
        Method::MiniProgram => "native page",
        Method::OpenInWeChat {
            reason: Reason::Robot,
        } => "preview",
        Method::OpenInWeChat { .. } => "continue in WeChat",
        Method::WeChatTooOld => "update WeChat",
    }
}

/// On a difference the test prints the table to put there.
#[test]
fn the_table_in_the_document_equals_the_plan() {
    let mut table = String::from("| opened in | phone | tablet | computer |\n|---|---|---|---|\n");
    for (label, app, offers) in ROWS {
        let [phone, tablet, desktop] =
            [Phone, Tablet, Desktop].map(|device| name(plan(&Environment { app, device }, offers)));
        table.push_str(&format!("| {label} | {phone} | {tablet} | {desktop} |\n"));
    }
    let document = include_str!("../../docs/environments.md");
    let (_, rest) = document.split_once("compares them -->\n").unwrap();
    let (written, _) = rest.split_once("<!-- /environments -->").unwrap();
    assert!(
        written == table,
        "docs/environments.md should say:\n{table}"
    );
}

#[test]
fn capabilities_matter_only_where_they_apply() {
    for app in [
        wechat(8, 0),
        wechat(4, 5),
        App::WeCom,
        App::Other,
        App::Robot,
    ] {
        for device in [Phone, Tablet, Desktop] {
            let environment = Environment { app, device };
            assert_eq!(plan(&environment, NOTHING), plan(&environment, EVERYTHING));
        }
    }
    let unknown = Environment {
        app: App::WeChat { version: None },
        device: Phone,
    };
    assert_eq!(plan(&unknown, NOTHING), Method::Jsapi);
}

#[test]
fn the_kit_has_the_page_that_the_checkout_opens() {
    assert_eq!(MINI_PROGRAM_PAGE, "/pages/weceive-pay/index");
    let page = include_str!("../../miniprogram/pages/weceive-pay/index.js");
    assert!(page.contains("query.s"), "which takes the checkout's id");
}
