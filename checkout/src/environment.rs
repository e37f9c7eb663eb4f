//! The payer's environment, from the User-Agent header and from what the page
//! itself can detect.

/// The environment in which the payer has opened the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// The program that shows the page.
    pub app: App,
    /// The kind of device.
    pub device: Device,
}

/// The program that shows the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    /// WeChat, on a phone, a tablet or a computer.
    WeChat {
        /// `None` when the User-Agent names WeChat without a version.
        version: Option<Version>,
    },
    /// A web-view inside one of WeChat's Mini Programs.
    MiniProgram,
    /// WeCom (WeChat Work).
    WeCom,
    /// The browser of another app, such as Alipay, QQ or Weibo.
    Other,
    /// A browser, or an unknown program.
    Browser,
    /// A crawler, or a chat program's link preview.
    Robot,
}

/// The kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// A phone, which cannot scan a code on its own screen.
    Phone,
    /// A tablet: its screen can be scanned by a phone.
    Tablet,
    /// A computer.
    Desktop,
}

/// WeChat's version, as far as it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The 8 of 8.0.49.
    pub major: u16,
    /// The first 0 of 8.0.49.
    pub minor: u16,
}

impl Environment {
    /// Parses a User-Agent. An unknown or empty one is a desktop browser.
    pub fn from_user_agent(user_agent: &str) -> Environment {
        let device = Device::from_user_agent(user_agent);
        let app = if is_robot(user_agent) {
            App::Robot
        } else if contains(user_agent, "wxwork") {
            // WeCom's User-Agent contains MicroMessenger too, so it is checked
            // first.
            App::WeCom
        } else if contains(user_agent, "MicroMessenger") {
            // Case-sensitive: a Mini Program's own requests say
            // `MiniProgramEnv`, its web-views `miniProgram`.
            if token_at(user_agent, "miniProgram", |a, b| a == b).is_some() {
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

    /// The environment after the page has detected that it is inside a Mini
    /// Program's web-view. WeChat before 7.0 shows that to scripts only
    /// (`window.__wxjs_environment`).
    #[must_use]
    pub fn inside_a_mini_program(self) -> Environment {
        match self.app {
            App::WeChat { .. } => Environment {
                app: App::MiniProgram,
                ..self
            },
            _ => self,
        }
    }

    /// The appid of the Mini Program around this web-view, if the User-Agent
    /// names it: `miniProgram/wx5a11d0b0c0ffee02`.
    pub fn mini_program_appid(user_agent: &str) -> Option<&str> {
        let (_, appid) = user_agent.split_once("miniProgram/")?;
        let appid = appid.split_whitespace().next()?;
        Some(appid).filter(|appid| appid.bytes().all(|b| b.is_ascii_alphanumeric()))
    }
}

impl Device {
    fn from_user_agent(user_agent: &str) -> Device {
        let says = |token| contains(user_agent, token);
        // Desktop WeChat first: its newer versions also carry a phone's tokens.
        if says("WindowsWechat") || says("MacWechat") || says("(PC;") {
            Device::Desktop
        } else if says("iPad") || says("Tablet") {
            Device::Tablet
        } else if says("Android") || says("HarmonyOS") {
            // Android tablets lack `Mobile`, and otherwise look like phones.
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

/// Apps with a browser of their own, by their token in the User-Agent.
const OTHER_APPS: [&str; 26] = [
    "AlipayClient",
    "AliApp(",
    "UnionPay/",
    "jdapp;",
    "Kwai/",
    "BiliApp/",
    "NewsArticle/",
    "musical_ly",
    "LinkedInApp",
    "Snapchat/",
    "Twitter for",
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

/// Well-behaved robots link to a page about themselves (`+http…`); the others
/// are known by name. "bot" alone would match CUBOT's phones. `MicroMessenger
/// Client` is WeChat's own fetcher.
fn is_robot(user_agent: &str) -> bool {
    const TOKENS: [&str; 11] = [
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
        "MicroMessenger Client",
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

/// Whether `token` occurs, in any case: some proxies and old phones send the
/// whole header in lower case.
fn contains(user_agent: &str, token: &str) -> bool {
    position(user_agent, token).is_some()
}

fn position(user_agent: &str, token: &str) -> Option<usize> {
    token_at(user_agent, token, <[u8]>::eq_ignore_ascii_case)
}

/// Where the token is. The page on another host reads its User-Agent too, and the
/// standard library's search for texts would be four kilobytes of its module.
fn token_at(user_agent: &str, token: &str, same: fn(&[u8], &[u8]) -> bool) -> Option<usize> {
    user_agent
        .as_bytes()
        .windows(token.len())
        .position(|window| same(window, token.as_bytes()))
}
