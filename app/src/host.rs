//! The page on another host than the gateway's: the files of `dist/` and the
//! gateway's origin in a meta element ([hosting](../../docs/hosting.md)).
//!
//! ```text
//! address ──s──> GET /pay/view ──> plan ──> openid known? ──> the page as usual
//!    ▲     │                                     │ no
//!    │     └──l──> the link's form               ▼
//!    └──── #weceive=STATE.TOKEN ◀── /pay/sign-in ◀──
//! ```
//!
//! It is a module of its own (`src/bin/hosted.rs`): the gateway's page does not
//! load it.
//!
//! An openid is never read from the address: the token is sealed by the gateway
//! for this checkout and this origin. The page removes it from the address at
//! once, and accepts it only with the state that this tab has generated for its
//! sign-in.

use std::cell::RefCell;

use checkout::{CheckoutStatus, Environment, Lang, Method, Offers, Problem, State, plan};
use js_sys::JSON;
use serde::Deserialize;

use crate::browser::{self, Refused};
use crate::flow::Failure;
use crate::json;

/// The part of a [`checkout::Page`] that the page uses.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Opened {
    View(CheckoutStatus),
    Error(Refused),
}

/// Shows the page with its texts and its contents.
type Open = fn(String, Option<Opened>);

/// Why the page cannot show a purchase, before it has the gateway's texts: the
/// names of the messages in `pay.html`.
#[derive(Clone, Copy)]
enum Trouble {
    /// The meta element has no origin.
    NotSet,
    /// The address names neither a checkout nor a link.
    NoPurchase,
    /// No answer, or none that helps.
    Unreachable,
    /// The merchant has not registered this page's origin.
    Unregistered,
    /// The answer does not have this gateway's form.
    Unreadable,
}

thread_local! {
    /// The body of the call for an order; `None` on the gateway's own page.
    static ORDER: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The body of `POST /pay/order`: on another host the page's own address, and
/// who pays.
pub(crate) fn order() -> String {
    ORDER.with_borrow(|order| order.clone().unwrap_or_else(|| String::from("{}")))
}

/// Forgets the payer, so that a page that is loaded again signs in again.
pub(crate) fn forget_payer() {
    browser::store(&place(&browser::field("s").unwrap_or_default()), None);
}

/// Where the token for a checkout is kept, for this tab.
fn place(checkout: &str) -> String {
    ["weceive ", checkout].concat()
}

const STATE: &str = "weceive state";

/// Which checkout a link's form has just begun.
const BEGUN: &str = "weceive begun";

/// Shows the purchase or the link in the page's address.
pub(crate) fn start(gateway: &str, open: Open) {
    let checkout = browser::field("s");
    let arrived = browser::take_fragment("#weceive=");
    if gateway.is_empty() {
        return tell(Trouble::NotSet);
    }
    if checkout.is_none() && browser::field("l").is_none() {
        return tell(Trouble::NoPurchase);
    }
    if browser::in_mini_program() {
        browser::add_to_query("&env=miniprogram");
    }
    // A payer who must continue in WeChat gets the address of this page from
    // the gateway.
    if checkout.is_none() {
        browser::add_to_query("&page=");
        browser::add_to_query(&browser::place_in_query());
    }
    let checkout = checkout.unwrap_or_default();
    let failed = arrived.and_then(|arrived| take_token(&arrived, &checkout));
    browser::ask("view", None, move |answer| {
        let shown = match answer {
            Ok(text) => show(&text, checkout, failed, open),
            Err(Failure::Refused(Problem::NotSelling)) => {
                return tell(Trouble::Unregistered);
            }
            // Also a gateway that is too busy, or has a fault of its own.
            Err(_) => return tell(Trouble::Unreachable),
        };
        if shown.is_none() {
            tell(Trouble::Unreadable);
        }
    });
}

/// Keeps the token with which a sign-in ended; returns the error's code if it
/// failed.
fn take_token(arrived: &str, checkout: &str) -> Option<String> {
    let (state, result) = arrived.split_once('.')?;
    if browser::stored(STATE).as_deref() != Some(state) {
        return None;
    }
    browser::store(STATE, None);
    if !result.contains('.') {
        return Some(String::from(result));
    }
    browser::store(&place(checkout), Some(result));
    None
}

/// Shows a [`checkout::Contents`], read field by field: a fifth of the code that
/// its serde type would be. `None` if it is none.
fn show(text: &str, checkout: String, failed: Option<String>, open: Open) -> Option<()> {
    let contents = JSON::parse(text).ok()?;
    let text = |name| browser::get(&contents, name)?.as_string();
    let (main, words) = (text("main")?, text("words")?);
    let page = browser::get(&contents, "page").map(json::of_value::<Opened>);
    if matches!(page, Some(None)) {
        return None;
    }
    browser::show(&text("lang")?, &text("title")?, &main);
    browser::add_style(&text("style").unwrap_or_default());
    // Without one: a link's form, which `link.js` sends.
    let Some(mut opened) = page.flatten() else {
        return Some(());
    };
    if let Opened::View(view) = &mut opened {
        let mut environment = Environment::from_user_agent(&browser::user_agent());
        if browser::in_mini_program() {
            environment = environment.inside_a_mini_program();
        }
        let offers = browser::get(&contents, "offers")?;
        let offers = |name| browser::get(&offers, name).is_some_and(|offered| offered.is_truthy());
        let offers = Offers {
            h5: offers("h5"),
            mini_program: offers("mini_program"),
        };
        view.method = plan(&environment, offers);
        let token = browser::stored(&place(&checkout));
        let page = browser::page_address(&checkout);
        if failed.is_some() {
            view.problem = failed;
        } else if view.method == Method::Jsapi && view.state == State::Open && token.is_none() {
            let state = browser::random();
            browser::store(STATE, Some(&state));
            // Without storage the payer would be sent to sign in for ever.
            if browser::stored(STATE).is_some() {
                browser::go_to_gateway(
                    "sign-in",
                    &[("s", &checkout), ("state", &state), ("back", &page)],
                );
                return Some(());
            }
            view.problem = Some(String::from("SIGN_IN_FAILED"));
        }
        // `link.js` writes it after the tap in a link's form.
        view.begun = browser::stored(BEGUN).as_deref() == Some(&checkout);
        browser::store(BEGUN, None);
        // The address and the token contain nothing that JSON escapes.
        let token = token.unwrap_or_default();
        let order = ["{\"page\":\"", &page, "\",\"payer\":\"", &token, "\"}"].concat();
        ORDER.set(Some(order));
    }
    open(words, Some(opened));
    Some(())
}

fn tell(trouble: Trouble) {
    let name = match trouble {
        Trouble::NotSet => "not-set",
        Trouble::NoPurchase => "no-purchase",
        Trouble::Unreachable => "unreachable",
        Trouble::Unregistered => "unregistered",
        Trouble::Unreadable => "unreadable",
    };
    let lang = browser::field("lang").and_then(|tag| Lang::from_tag(&tag));
    let lang = lang.or_else(|| Lang::from_tag(&browser::language()));
    // `pay.html` is not in a payer's language alone, so it has only these.
    let lang = lang.filter(|lang| matches!(lang, Lang::ZhHans | Lang::ZhHant));
    let purchase = browser::field("s").or_else(|| browser::field("l"));
    let reference = purchase.unwrap_or_default();
    browser::reveal(name, lang.unwrap_or_default().tag(), &reference);
}
