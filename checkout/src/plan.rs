//! What can be done where the payer is.

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
    /// Payment cannot happen here; the same link can be opened in WeChat.
    #[serde(rename = "open_in_wechat")]
    OpenInWeChat {
        /// Why not here.
        reason: Reason,
    },
    /// WeChat before 5.0 has no payment (seed 002 §7.5).
    #[serde(rename = "wechat_too_old")]
    WeChatTooOld,
}

/// Why a payment cannot happen where the link was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A browser on a phone. The payer would have to scan their own screen.
    PhoneBrowser,
    /// Another app's browser on a phone.
    OtherApp,
    /// A web-view inside a Mini Program, where the bridge refuses to pay.
    MiniProgram,
    /// WeCom has a bridge, but its openids are not WeChat's.
    #[serde(rename = "wecom")]
    WeCom,
    /// A robot or a link preview. It must never make an order.
    Robot,
}

/// The first WeChat with payment (seed 002 §7.5).
const FIRST_WITH_PAYMENT: Version = Version { major: 5, minor: 0 };

/// What to do for a payer in this environment.
///
/// | | phone | tablet | desktop |
/// |---|---|---|---|
/// | WeChat 5.0 and later | JSAPI | JSAPI | Native QR |
/// | WeChat before 5.0 | too old | too old | Native QR |
/// | Mini Program web-view | open in WeChat | open in WeChat | open in WeChat |
/// | WeCom | open in WeChat | open in WeChat | Native QR |
/// | another app | open in WeChat | Native QR | Native QR |
/// | browser | open in WeChat | Native QR | Native QR |
/// | robot | open in WeChat | open in WeChat | open in WeChat |
pub fn plan(environment: &Environment) -> Method {
    let open_in_wechat = |reason| Method::OpenInWeChat { reason };
    match (environment.app, environment.device) {
        (App::Robot, _) => open_in_wechat(Reason::Robot),
        (App::MiniProgram, _) => open_in_wechat(Reason::MiniProgram),
        // WeChat on a computer shows pages but does not pay on them.
        (App::WeChat { .. }, Device::Desktop) => Method::Native,
        (App::WeChat { version: Some(v) }, _) if v < FIRST_WITH_PAYMENT => Method::WeChatTooOld,
        // A WeChat that hides its version is taken for a current one: its
        // bridge will say soon enough if it cannot pay.
        (App::WeChat { .. }, _) => Method::Jsapi,
        (App::WeCom, Device::Desktop) => Method::Native,
        (App::WeCom, _) => open_in_wechat(Reason::WeCom),
        (App::Other, Device::Phone) => open_in_wechat(Reason::OtherApp),
        (App::Browser, Device::Phone) => open_in_wechat(Reason::PhoneBrowser),
        (App::Other | App::Browser, Device::Tablet | Device::Desktop) => Method::Native,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_doc_comment() {
        let wechat = |major, minor| App::WeChat {
            version: Some(Version { major, minor }),
        };
        let open = |reason| Method::OpenInWeChat { reason };
        let table = [
            // app, [phone, tablet, desktop]
            (wechat(8, 0), [Method::Jsapi, Method::Jsapi, Method::Native]),
            (wechat(5, 0), [Method::Jsapi, Method::Jsapi, Method::Native]),
            (
                wechat(4, 5),
                [Method::WeChatTooOld, Method::WeChatTooOld, Method::Native],
            ),
            (
                App::WeChat { version: None },
                [Method::Jsapi, Method::Jsapi, Method::Native],
            ),
            (App::MiniProgram, [open(Reason::MiniProgram); 3]),
            (
                App::WeCom,
                [open(Reason::WeCom), open(Reason::WeCom), Method::Native],
            ),
            (
                App::Other,
                [open(Reason::OtherApp), Method::Native, Method::Native],
            ),
            (
                App::Browser,
                [open(Reason::PhoneBrowser), Method::Native, Method::Native],
            ),
            (App::Robot, [open(Reason::Robot); 3]),
        ];
        for (app, row) in table {
            for (device, expected) in [Device::Phone, Device::Tablet, Device::Desktop]
                .into_iter()
                .zip(row)
            {
                assert_eq!(
                    plan(&Environment { app, device }),
                    expected,
                    "{app:?} on {device:?}"
                );
            }
        }
    }
}
