//! Where the payer is, read from the User-Agent header.

/// Where the payer has opened the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The program that shows the page.
    pub app: App,
    /// What it runs on.
    pub device: Device,
}

/// The program that shows the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    /// WeChat itself, on a phone, a tablet or a computer.
    WeChat {
        /// `None` when the User-Agent names WeChat without a version.
        version: Option<Version>,
    },
    /// A web-view inside one of WeChat's Mini Programs.
    MiniProgram,
    /// WeCom (WeChat Work).
    WeCom,
    /// The browser inside another app, such as Alipay, QQ or Weibo.
    Other,
    /// A browser. Also what is not recognised.
    Browser,
    /// A crawler, or a chat program's link preview.
    Robot,
}

/// What the program runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// Held in the hand that would have to scan the code on it.
    Phone,
    /// Large enough to be scanned by a phone.
    Tablet,
    /// A computer.
    Desktop,
}

/// WeChat's version, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The 8 of 8.0.49.
    pub major: u16,
    /// The first 0 of 8.0.49.
    pub minor: u16,
}

impl Environment {
    /// Reads a User-Agent. An unknown or empty one is a desktop browser.
    pub fn from_user_agent(user_agent: &str) -> Environment {
        let device = Device::from_user_agent(user_agent);
        let app = if is_robot(user_agent) {
            App::Robot
        } else if contains(user_agent, "wxwork") {
            // WeCom says MicroMessenger too, so it is asked about first.
            App::WeCom
        } else if contains(user_agent, "MicroMessenger") {
            // Matched with its case: a Mini Program's own requests say
            // `MiniProgramEnv`, its web-views say `miniProgram`.
            if user_agent.contains("miniProgram") {
                App::MiniProgram
            } else {
                App::WeChat {
                    version: wechat_version(user_agent),
                }
            }
        } else if OTHER_APPS.iter().any(|token| contains(user_agent, token)) {
            App::Other
        } else {
            App::Browser
        };
        Environment { app, device }
    }
}

impl Device {
    fn from_user_agent(user_agent: &str) -> Device {
        let says = |token| contains(user_agent, token);
        // Desktop WeChat first: its newer versions carry tokens of a phone's.
        if says("WindowsWechat") || says("MacWechat") || says("(PC;") {
            Device::Desktop
        } else if says("iPad") || says("Tablet") {
            Device::Tablet
        } else if says("Android") || says("HarmonyOS") {
            // Android tablets leave out `Mobile`, and otherwise look the same.
            if says("Mobile") {
                Device::Phone
            } else {
                Device::Tablet
            }
        } else if ["iPhone", "iPod", "Mobile", "OpenHarmony", "Windows Phone"]
            .into_iter()
            .any(says)
        {
            Device::Phone
        } else {
            Device::Desktop
        }
    }
}

/// Apps with a browser of their own, by the token each puts into its User-Agent.
const OTHER_APPS: [&str; 16] = [
    "AlipayClient",
    " QQ/",
    "Weibo",
    "DingTalk",
    "Feishu",
    "Lark/",
    "aweme",
    "Toutiao",
    "xhsdiscover",
    "baiduboxapp",
    "FBAN/",
    "FBAV/",
    "Instagram",
    " Line/",
    "Bytedance",
    "TikTok",
];

/// Well-behaved robots link to a page about themselves (`+http…`); the rest
/// are known by name. Not simply "bot": CUBOT makes phones.
fn is_robot(user_agent: &str) -> bool {
    const TOKENS: [&str; 10] = [
        "+http",
        "bot/",
        "bot;",
        "bot (",
        "spider",
        "crawler",
        "facebookexternalhit",
        "WhatsApp/",
        "Link Preview",
        "UriPreview",
    ];
    TOKENS.iter().any(|token| contains(user_agent, token))
}

/// The digits after `MicroMessenger/`.
fn wechat_version(user_agent: &str) -> Option<Version> {
    const TOKEN: &str = "micromessenger/";
    let at = position(user_agent, TOKEN)?;
    let after = user_agent.get(at + TOKEN.len()..)?;
    let end = after
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(after.len());
    let mut numbers = after.get(..end)?.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next().and_then(|n| n.parse().ok()).unwrap_or(0);
    Some(Version { major, minor })
}

/// Whether `token` occurs, in whatever case: some proxies and old phones write
/// the whole header in small letters.
fn contains(user_agent: &str, token: &str) -> bool {
    position(user_agent, token).is_some()
}

fn position(user_agent: &str, token: &str) -> Option<usize> {
    user_agent
        .as_bytes()
        .windows(token.len())
        .position(|window| window.eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// User-Agents as they are seen in the wild, and where each payer is.
    #[test]
    fn real_user_agents() {
        use Device::{Desktop, Phone, Tablet};
        let wechat = |major, minor| App::WeChat {
            version: Some(Version { major, minor }),
        };
        let table = [
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
            // The example of seed 002 §7.5, and versions on either side of 5.0.
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
            // Web-views in Mini Programs. A Mini Program's own requests
            // (`MiniProgramEnv`) are no web-view.
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
        ];
        for (app, device, user_agent) in table {
            assert_eq!(
                Environment::from_user_agent(user_agent),
                Environment { app, device },
                "{user_agent}"
            );
        }
    }

    #[test]
    fn a_hostile_user_agent_is_only_a_browser() {
        for user_agent in [
            "\u{0}\u{7f}微信",
            "MicroMessenge",
            "é".repeat(100_000).as_str(),
        ] {
            assert_eq!(
                Environment::from_user_agent(user_agent),
                Environment {
                    app: App::Browser,
                    device: Device::Desktop
                }
            );
        }
    }
}
