//! The payment method for each environment.

use serde::{Deserialize, Serialize};

use crate::environment::{App, Device, Environment, Version};

/// How a payer can pay in one environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// In WeChat on a phone: fetch the openid, then call the bridge.
    Jsapi,
    /// Show a code for WeChat on the payer's phone to scan.
    Native,
    /// Open WeChat's payment page in the browser, which opens WeChat and
    /// returns.
    H5,
    /// Open the merchant's native page in the Mini Program around this
    /// web-view, and return.
    MiniProgram,
    /// No payment is possible here; the same link can be opened in WeChat.
    #[serde(rename = "open_in_wechat")]
    OpenInWeChat {
        /// The reason.
        reason: Reason,
    },
    /// WeChat before 5.0 has no payment (WeChat Pay v2 manual, section 7.5).
    #[serde(rename = "wechat_too_old")]
    WeChatTooOld,
}

impl Method {
    /// Whether a link may open WeChat: other apps prevent their pages from it.
    pub fn may_open_wechat(self) -> bool {
        self == Method::OpenInWeChat {
            reason: Reason::PhoneBrowser,
        }
    }
}

/// Why no payment is possible where the link was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A browser on a phone, which cannot scan its own screen.
    PhoneBrowser,
    /// Another app's browser on a phone.
    OtherApp,
    /// A web-view inside a Mini Program, where the bridge refuses to pay.
    MiniProgram,
    /// WeCom has a bridge, but its openids are not WeChat's.
    #[serde(rename = "wecom")]
    WeCom,
    /// A robot or a link preview, which must never make an order.
    Robot,
}

/// Optional capabilities of the merchant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offers {
    /// H5 payment, which WeChat grants by application.
    pub h5: bool,
    /// The page is inside the merchant's own Mini Program, which has the
    /// payment page of the kit.
    pub mini_program: bool,
}

/// The payment page of the kit, in the merchant's Mini Program. It has the
/// query of the checkout page: `s` names the checkout.
pub const MINI_PROGRAM_PAGE: &str = "/pages/weceive-pay/index";

/// The first WeChat with payment (WeChat Pay v2 manual, section 7.5).
const FIRST_WITH_PAYMENT: Version = Version { major: 5, minor: 0 };

/// The payment method for a payer in this environment. `docs/environments.md`
/// has the table; a test compares the two.
pub fn plan(environment: &Environment, offers: Offers) -> Method {
    let open_in_wechat = |reason| Method::OpenInWeChat { reason };
    match (environment.app, environment.device) {
        (App::Robot, _) => open_in_wechat(Reason::Robot),
        (App::MiniProgram, _) if offers.mini_program => Method::MiniProgram,
        // WeChat on a computer shows pages but cannot pay on them. Its screen
        // can be scanned.
        (App::MiniProgram | App::WeChat { .. } | App::WeCom, Device::Desktop) => Method::Native,
        (App::MiniProgram, _) => open_in_wechat(Reason::MiniProgram),
        (App::WeChat { version: Some(v) }, _) if v < FIRST_WITH_PAYMENT => Method::WeChatTooOld,
        // A WeChat without a version counts as a current one: its bridge
        // reports if it cannot pay.
        (App::WeChat { .. }, _) => Method::Jsapi,
        (App::WeCom, _) => open_in_wechat(Reason::WeCom),
        (App::Other | App::Browser, Device::Tablet | Device::Desktop) => Method::Native,
        // Other apps prevent their web-views from opening WeChat.
        (App::Other, Device::Phone) => open_in_wechat(Reason::OtherApp),
        (App::Browser, Device::Phone) if offers.h5 => Method::H5,
        (App::Browser, Device::Phone) => open_in_wechat(Reason::PhoneBrowser),
    }
}
