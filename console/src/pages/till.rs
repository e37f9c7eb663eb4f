//! The till: an amount in large keys, then a code to show or the payer's code.
//!
//! ```text
//! Enter ──▶ Show (a code of ours) ──────────────▶ Paid ──▶ Enter
//!   │                                              ▲
//!   └─────▶ Scan (the payer's code) ──▶ Wait ──────┘
//! ```
//!
//! A sale keeps its number until its result is known, so that a call that is
//! repeated after an answer was lost never charges twice.

use leptos::prelude::*;
use qrcodegen::{QrCode, QrCodeEcc};

use crate::address::{Page, encode};
use crate::api::{self, Failure, Payment, Result};
use crate::app::{App, app};
use crate::browser::{self, Camera};
use crate::json::{Object, object};
use crate::money::{Key, keyed};
use crate::texts::{self as x, t};
use crate::ui::{Act, Built, Field, Part, button, dialog, dy, form, head, icon, money};
use checkout::fill;

/// How often WeChat's result is asked for, ms.
const POLL_MS: i32 = 2_000;

/// A sale.
#[derive(Clone, Debug, PartialEq)]
struct Sale {
    number: String,
    amount: i64,
    /// Whether the payer's code is scanned (Quick Pay).
    quick: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Enter,
    /// A code to show, as soon as there is one.
    Show(Sale, Option<String>),
    Scan(Sale),
    /// Quick Pay, of which the result is not known yet.
    Wait(Sale),
    Paid(Sale),
    Ended(Sale),
}

#[derive(Clone, Copy)]
struct Till {
    app: App,
    stage: RwSignal<Stage>,
    amount: RwSignal<i64>,
    what: RwSignal<String>,
    act: Act,
    /// The last sale that was paid, to be reversed.
    last: RwSignal<Option<Sale>>,
}

pub(crate) fn page() -> Part {
    let app = app();
    let till = Till {
        app,
        stage: RwSignal::new(Stage::Enter),
        amount: RwSignal::new(0),
        what: RwSignal::new(String::new()),
        act: Act::new(),
        last: RwSignal::new(None),
    };
    view! {
        {head(t(x::TILL).to_owned(), ().built())}
        <div class="till">{dy(move || match till.stage.get() {
            Stage::Enter => till.enter(),
            Stage::Show(sale, code) => till.show(&sale, code),
            Stage::Scan(sale) => till.scan(&sale),
            Stage::Wait(sale) => till.wait(&sale),
            Stage::Paid(sale) => till.paid(&sale),
            Stage::Ended(sale) => till.ended(&sale),
        })}</div>
    }
    .built()
}

impl Till {
    fn currency(self) -> String {
        self.app.session().merchant.currency
    }

    fn shown(self, amount: i64) -> String {
        money(amount, &self.currency())
    }

    /// A sale of the amount that is entered.
    fn sale(self, quick: bool) -> Option<Sale> {
        let amount = self.amount.get_untracked();
        (amount > 0).then(|| Sale {
            number: format!("T{}", browser::random_text(18)),
            amount,
            quick,
        })
    }

    fn enter(self) -> Part {
        let press = move |key: Key| self.amount.update(|amount| *amount = keyed(*amount, key));
        let key = move |label: &'static str, key: Key| {
            view! { <button type="button" class="key" on:click=move |_| press(key)>{label}</button> }
        };
        let digits = [
            ("1", 1),
            ("2", 2),
            ("3", 3),
            ("4", 4),
            ("5", 5),
            ("6", 6),
            ("7", 7),
            ("8", 8),
            ("9", 9),
        ];
        let typed = move |event: leptos::ev::KeyboardEvent| {
            let pressed = event.key();
            match pressed.as_str() {
                "Backspace" => press(Key::Back),
                digit if digit.len() == 1 => {
                    if let Ok(digit) = digit.parse() {
                        press(Key::Digit(digit));
                    }
                }
                _ => {}
            }
        };
        view! {
            <div class="till-amount" tabindex="0" role="group" aria-label=t(x::AMOUNT) on:keydown=typed>
                <output class="big amount" aria-live="polite">{dy(move || self.shown(self.amount.get()))}</output>
            </div>
            <div class="keys">
                {digits.map(|(label, digit)| key(label, Key::Digit(digit))).collect_view()}
                {key("00", Key::DoubleZero)}
                {key("0", Key::Digit(0))}
                <button type="button" class="key" aria-label=t(x::BACKSPACE) on:click=move |_| press(Key::Back)>
                    {icon("M9 5h11v14H9l-6-7zM12 9l5 6M17 9l-5 6")}</button>
            </div>
            {Field::new("till-what", x::WHAT_FOR, self.what).hint(x::WHAT_FOR_HINT).view()}
            {self.act.problem()}
            <div class="two">
                <button type="button" class="button" disabled=move || self.amount.get() == 0
                    on:click=move |_| self.begin_show()>{t(x::SHOW_CODE)}</button>
                <button type="button" class="button second" disabled=move || self.amount.get() == 0
                    on:click=move |_| self.begin_scan()>{t(x::SCAN_CODE)}</button>
            </div>
            {dy(move || self.last.get().map(|sale| self.last_sale(&sale)))}
        }
        .built()
    }

    /// The last sale, which can be reversed.
    fn last_sale(self, sale: &Sale) -> Part {
        let may = self.app.session();
        let asks = RwSignal::new(false);
        let amount = self.shown(sale.amount);
        let said = fill(t(x::LAST_SALE), &[("amount", &amount)]);
        let href = Page::Orders.href_of(&sale.number);
        let can = sale.quick && may.may("undo");
        let sale = sale.clone();
        view! {
            <p class="last">{said} " "
                {if can {
                    view! { <button type="button" class="plain" on:click=move |_| asks.set(true)>{t(x::REVERSE)}</button> }.built()
                } else {
                    view! { <a href=href>{t(x::TO_ORDER)}</a> }.built()
                }}</p>
            {dy(move || asks.get().then(|| self.reverse(&sale, asks)))}
        }
        .built()
    }

    fn reverse(self, sale: &Sale, asks: RwSignal<bool>) -> Part {
        let act = Act::new();
        let number = sale.number.clone();
        let says = fill(
            t(x::REVERSE_SAYS),
            &[("amount", &self.shown(sale.amount)), ("number", &number)],
        );
        let send = move || {
            let body = object! { "out_trade_no": number };
            act.run(api::post::<Payment>("/v1/reverse", &body), move |_| {
                self.app.says(x::REVERSED_DONE);
                asks.set(false);
                self.last.set(None);
            });
        };
        dialog(
            t(x::REVERSE).to_owned(),
            move || asks.set(false),
            form(
                send,
                view! {
                    <p>{says}</p>
                    {act.problem()}
                    {act.submit_as(t(x::REVERSE).to_owned(), "button danger")}
                }
                .built(),
            ),
        )
    }

    /// The members of an order that both ways have.
    fn terms(self, sale: &Sale) -> Object {
        let what = self.what.get_untracked();
        let what = match what.trim() {
            "" => t(x::AT_THE_TILL),
            what => what,
        };
        object! {
            "out_trade_no": sale.number,
            "body": what,
            "total_fee": sale.amount,
            "fee_type": self.currency(),
        }
    }

    fn begin_show(self) {
        let Some(sale) = self.sale(false) else {
            return;
        };
        let mut body = self.terms(&sale);
        body.set("trade_type", &"NATIVE");
        self.act
            .attempt(api::post::<Payment>("/v1/order", &body), move |answer| {
                let made = answer?;
                let code = made.code_url.ok_or(Failure::Unreadable)?;
                self.stage.set(Stage::Show(sale.clone(), Some(code)));
                self.poll(sale);
                Ok(())
            });
    }

    fn begin_scan(self) {
        if let Some(sale) = self.sale(true) {
            self.act.failure.set(None);
            self.stage.set(Stage::Scan(sale));
            browser::after(0, || browser::focus("auth-code"));
        }
    }

    /// Asks for the sale's state until it is known, while it is on the page.
    fn poll(self, sale: Sale) {
        browser::spawn(async move {
            loop {
                browser::pause(POLL_MS).await;
                let Some(stage) = self.stage.try_get_untracked() else {
                    return;
                };
                let waits = match &stage {
                    Stage::Show(now, _) | Stage::Wait(now) => *now == sale,
                    _ => false,
                };
                if !waits {
                    return;
                }
                let path = format!("/v1/order?out_trade_no={}", encode(&sale.number));
                let answer: Result<Payment> = api::get(&path).await;
                match answer {
                    Ok(payment) if self.settles(&sale, &payment) => return,
                    Ok(_) => {}
                    Err(failure) => self.app.notes(&failure),
                }
            }
        });
    }

    /// Shows a final state; whether it was one.
    fn settles(self, sale: &Sale, payment: &Payment) -> bool {
        let next = match payment.trade_state.as_deref() {
            Some("SUCCESS" | "REFUND") => Stage::Paid(sale.clone()),
            Some("CLOSED" | "REVOKED" | "PAYERROR") => Stage::Ended(sale.clone()),
            _ => return false,
        };
        if let Stage::Paid(_) = next {
            browser::beep();
            let _ = self.last.try_set(Some(sale.clone()));
        }
        let _ = self.stage.try_set(next);
        browser::after(0, || browser::focus("till-result"));
        true
    }

    fn show(self, sale: &Sale, code: Option<String>) -> Part {
        let sale = sale.clone();
        let amount = self.shown(sale.amount);
        view! {
            <p class="big amount">{amount}</p>
            <figure class="code">{code.and_then(|code| drawn(&code))}
                <figcaption>{t(x::PAYER_SCANS)}</figcaption></figure>
            <p class="quiet waiting" role="status">{t(x::WAITING_FOR_PAYMENT)}</p>
            {self.act.problem()}
            {button(x::CANCEL, "button second", self.act, move || self.cancel(&sale))}
        }
        .built()
    }

    /// Closes the order; a payment that arrived meanwhile is shown.
    fn cancel(self, sale: &Sale) {
        let body = object! { "out_trade_no": sale.number };
        let sale = sale.clone();
        self.act.attempt(
            api::post::<Payment>("/v1/close", &body),
            move |answer| match answer {
                Ok(_) => {
                    self.stage.set(Stage::Enter);
                    Ok(())
                }
                Err(failure) if failure.code() == "ORDER_PAID" => {
                    let paid = Payment {
                        out_trade_no: sale.number.clone(),
                        trade_state: Some("SUCCESS".to_owned()),
                        code_url: None,
                    };
                    self.settles(&sale, &paid);
                    Ok(())
                }
                // A person without the right to close leaves the code; it expires.
                Err(failure) if failure.code() == "RIGHT_MISSING" => {
                    self.stage.set(Stage::Enter);
                    Ok(())
                }
                Err(failure) => Err(failure),
            },
        );
    }

    fn scan(self, sale: &Sale) -> Part {
        let code = RwSignal::new(String::new());
        let camera = RwSignal::new(false);
        let amount = self.shown(sale.amount);
        let send = {
            let sale = sale.clone();
            move || self.charge(&sale, &code.get_untracked())
        };
        let scanned = {
            let sale = sale.clone();
            move |text: String| {
                camera.set(false);
                self.charge(&sale, &text);
            }
        };
        // A scanner at the keyboard writes the digits and presses Enter.
        view! {
            <p class="big amount">{amount}</p>
            <p>{t(x::SCAN_SAYS)}</p>
            {form(send, view! {
                {Field::new("auth-code", x::PAYERS_CODE, code).mode("numeric").hint(x::AUTH_CODE_RULE).view()}
                {self.act.problem()}
                {self.act.submit(x::CHARGE)}
            }.built())}
            <div class="two">
                {browser::can_scan().then(|| view! {
                    <button type="button" class="button second" on:click=move |_| camera.set(true)>{t(x::CAMERA)}</button>
                })}
                <button type="button" class="button second" on:click=move |_| self.stage.set(Stage::Enter)>{t(x::CANCEL)}</button>
            </div>
            {dy(move || camera.get().then(|| look(camera, scanned.clone())))}
        }
        .built()
    }

    fn charge(self, sale: &Sale, code: &str) {
        let code: String = code.chars().filter(char::is_ascii_digit).collect();
        let mut body = self.terms(sale);
        body.set("auth_code", &code);
        let sale = sale.clone();
        self.act.attempt(
            api::post::<Payment>("/v1/micropay", &body),
            move |answer| match answer {
                Ok(payment) => {
                    if !self.settles(&sale, &payment) {
                        self.stage.set(Stage::Wait(sale.clone()));
                        self.poll(sale);
                    }
                    Ok(())
                }
                // Only WeChat knows whether the payer was charged, so the order
                // is queried.
                Err(Failure::Network) => {
                    self.stage.set(Stage::Wait(sale.clone()));
                    self.poll(sale);
                    Ok(())
                }
                Err(failure) => {
                    // A refused code needs another number as well.
                    if let Some(next) = self.sale(true) {
                        self.stage.set(Stage::Scan(next));
                        browser::after(0, || browser::focus("auth-code"));
                    }
                    Err(failure)
                }
            },
        );
    }

    fn wait(self, sale: &Sale) -> Part {
        view! {
            <p class="big amount">{self.shown(sale.amount)}</p>
            <p class="waiting" role="status">{t(x::PAYER_CONFIRMS)}</p>
        }
        .built()
    }

    fn paid(self, sale: &Sale) -> Part {
        let href = Page::Orders.href_of(&sale.number);
        view! {
            <div class="till-result good" id="till-result" tabindex="-1" role="status">
                {icon("M5 12.5l4.5 4.5L19 7.5")}
                <p>{t(x::PAID)}</p>
                <p class="big amount">{self.shown(sale.amount)}</p>
            </div>
            {button(x::NEXT_SALE, "button", self.act, move || self.next())}
            <a class="button second" href=href>{t(x::TO_ORDER)}</a>
        }
        .built()
    }

    fn ended(self, sale: &Sale) -> Part {
        view! {
            <div class="till-result bad" id="till-result" tabindex="-1" role="alert">
                <p>{t(x::NOT_PAID_TITLE)}</p>
                <p>{fill(t(x::NOT_CHARGED), &[("amount", &self.shown(sale.amount))])}</p>
            </div>
            {button(x::TRY_AGAIN, "button", self.act, move || self.stage.set(Stage::Enter))}
        }
        .built()
    }

    fn next(self) {
        self.amount.set(0);
        self.what.set(String::new());
        self.stage.set(Stage::Enter);
    }
}

/// Reads the camera's picture until it shows a payer's code.
fn look(open: RwSignal<bool>, found: impl Fn(String) + 'static) -> Part {
    let refused = RwSignal::new(false);
    browser::spawn(async move {
        // After the picture's element is in the page.
        browser::pause(50).await;
        let Some(camera) = Camera::start("camera").await else {
            let _ = refused.try_set(true);
            return;
        };
        while open.try_get_untracked() == Some(true) {
            let codes = camera.codes().await;
            if let Some(code) = codes.into_iter().find(|code| is_payers(code)) {
                camera.stop();
                found(code);
                return;
            }
            browser::pause(250).await;
        }
        camera.stop();
    });
    dialog(
        t(x::CAMERA).to_owned(),
        move || open.set(false),
        view! {
            <video id="camera" muted playsinline></video>
            {dy(move || refused.get().then(|| view! { <p class="notice bad">{t(x::NO_CAMERA)}</p> }))}
        }
        .built(),
    )
}

/// Whether a text is a payment code: 18 digits that begin with 10 to 15.
fn is_payers(code: &str) -> bool {
    let digits = code.len() == 18 && code.bytes().all(|byte| byte.is_ascii_digit());
    digits && ("10".."16").contains(&code.get(..2).unwrap_or_default())
}

/// A code with its quiet zone.
fn drawn(text: &str) -> Option<Part> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let (path, size) = path_of(&code);
    let whole = format!("-4 -4 {size} {size}");
    Some(
        view! {
            <svg viewBox=whole role="img" aria-label=t(x::CODE_ALT) shape-rendering="crispEdges"><path d=path/></svg>
        }
        .built(),
    )
}

/// The dark modules as a path, and the side with the quiet zone.
fn path_of(code: &QrCode) -> (String, i32) {
    let mut path = String::new();
    for row in 0..code.size() {
        for column in 0..code.size() {
            if code.get_module(column, row) {
                path.push_str(&format!("M{column} {row}h1v1h-1z"));
            }
        }
    }
    (path, code.size() + 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payers_code_has_eighteen_digits_and_its_prefix() {
        assert!(is_payers("134567890123456789"));
        assert!(is_payers("101234567890123456"));
        for other in [
            "",
            "164567890123456789",
            "13456789012345678",
            "1345678901234567890",
            "13456789012345678x",
            "六十",
        ] {
            assert!(!is_payers(other), "{other}");
        }
    }

    #[test]
    fn a_code_is_drawn_with_every_dark_module() {
        let code =
            QrCode::encode_text("weixin://wxpay/bizpayurl?pr=F2EDdjR", QrCodeEcc::Medium).unwrap();
        let (path, side) = path_of(&code);
        let dark =
            (0..code.size()).flat_map(|row| (0..code.size()).map(move |column| (column, row)));
        let dark = dark
            .filter(|(column, row)| code.get_module(*column, *row))
            .count();
        assert_eq!(path.matches('M').count(), dark);
        assert_eq!(side, code.size() + 8);
    }
}
