//! What the payer sees and can do, as a plain value: [`Screen`] is derived from
//! a [`Flow`] and rendered by `page`. Tests compare its texts.

use checkout::{CheckoutStatus, Link, Method, Problem, State, Texts};

use crate::flow::{Action, End, Flow, Note, Stage};

/// Everything on the page below the purchase's summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    /// Shown at the top while the server cannot be reached.
    pub banner: Option<&'static str>,
    /// The picture with the heading.
    pub icon: StatusIcon,
    /// The heading; may be empty.
    pub heading: &'static str,
    /// A sentence or two; may be empty.
    pub body: &'static str,
    /// Whether money was taken, where something has failed and the body does not
    /// say it.
    pub money: Option<&'static str>,
    /// A further sentence: what to do next, or that the page may be closed.
    pub further: Option<&'static str>,
    /// A code, or a placeholder for it.
    pub code: Option<Code>,
    /// The countdown: a text with a placeholder for the time, and `m:ss`.
    pub countdown: Option<(&'static str, String)>,
    /// The link to copy by hand, where copying failed.
    pub copy_by_hand: Option<(&'static str, Option<String>)>,
    /// The main action.
    pub button: Option<Button>,
    /// A second action.
    pub second: Option<Button>,
    /// A link onward to the merchant: label and address.
    pub way_on: Option<(&'static str, String)>,
    /// A link back to the merchant for a payer who does not want to pay: label
    /// and address.
    pub way_back: Option<(&'static str, String)>,
    /// When it was paid: label and ms since 1970 UTC.
    pub paid_at: Option<(&'static str, i64)>,
    /// WeChat's number of the payment: label and number.
    pub transaction: Option<(&'static str, String)>,
    /// What WeChat charged in another currency: label and amount.
    pub charged: Option<(&'static str, String)>,
    /// A link to the receipt: label and address.
    pub receipt: Option<(&'static str, String)>,
    /// A link that opens WeChat, where the system knows its address.
    pub open_wechat: Option<&'static str>,
}

/// The picture with the heading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusIcon {
    /// No picture.
    #[default]
    None,
    /// Work in progress.
    Busy,
    /// Paid.
    Success,
    /// Information to read before going on.
    Notice,
}

/// A button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Button {
    /// Its label.
    pub label: &'static str,
    /// Its action.
    pub action: Action,
    /// It shows activity and does not react.
    pub busy: bool,
}

/// A code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its text alternative.
    pub alt: &'static str,
    /// What to do with it, if the heading does not say so.
    pub caption: &'static str,
    /// Side of the drawing in modules; 0 while there is no drawing.
    pub size: u32,
    /// The drawing, as an SVG path.
    pub path: String,
    /// Shown, but expired.
    pub over: bool,
}

fn button(label: &'static str, action: Action) -> Option<Button> {
    Some(Button {
        label,
        action,
        busy: false,
    })
}

fn at_work(label: &'static str) -> Option<Button> {
    Some(Button {
        label,
        action: Action::Pay,
        busy: true,
    })
}

impl Screen {
    /// The screen for a page without a purchase.
    pub fn of_error(code: &str, texts: &'static Texts) -> Screen {
        let problem = Problem::from_code(code);
        let mut screen = Screen::problem(texts, problem);
        screen.money = Some(texts.opening_is_free);
        screen.further = Some(texts.may_close);
        if !matches!(
            problem,
            Problem::UnknownLink
                | Problem::ExpiredLink
                | Problem::SignInLost
                | Problem::CannotSignIn
                | Problem::Merchant
                | Problem::NotSelling
        ) {
            screen.button = button(texts.reload, Action::Reload);
        }
        screen
    }

    /// The current screen.
    pub fn of(flow: &Flow, texts: &'static Texts) -> Screen {
        let view = flow.view();
        let mut screen = match flow.stage() {
            Stage::Ready(note) => Screen::ready(texts, flow, *note),
            Stage::Preparing if view.method == Method::Native => Screen {
                code: Some(Code {
                    alt: texts.drawing_code,
                    caption: "",
                    size: 0,
                    path: String::new(),
                    over: false,
                }),
                // Where the countdown will appear.
                countdown: Some((texts.drawing_code, String::new())),
                ..Screen::default().saying(texts.scan, StatusIcon::None)
            },
            Stage::Preparing => Screen {
                button: at_work(texts.please_wait),
                ..Screen::default()
            },
            Stage::WaitingBridge { .. } => Screen {
                button: at_work(texts.connecting),
                ..Screen::default()
            },
            Stage::SheetOpen { .. } if flow.slow() => Screen {
                heading: texts.sheet_open.heading,
                body: texts.sheet_slow,
                icon: StatusIcon::Busy,
                button: button(texts.open_again, Action::Pay),
                ..Screen::default()
            },
            Stage::SheetOpen { .. } => Screen::default().saying(texts.sheet_open, StatusIcon::Busy),
            Stage::Confirming { .. } if flow.slow() => Screen {
                button: button(texts.check_again, Action::CheckAgain),
                second: button(texts.not_paid_yet, Action::Pay).filter(|_| flow.may_pay()),
                ..Screen::default().saying(texts.confirming_slow, StatusIcon::Busy)
            },
            Stage::Confirming { .. } => {
                Screen::default().saying(texts.confirming, StatusIcon::Busy)
            }
            Stage::Away { asked: false } => Screen {
                button: button(texts.i_have_paid, Action::CheckAgain),
                second: button(texts.trouble_paying, Action::Pay),
                ..Screen::default().saying(texts.away, StatusIcon::None)
            },
            // WeChat was queried and knows of no payment: most payers who
            // return so have cancelled and want to pay.
            Stage::Away { asked: true } => Screen {
                button: button(texts.go_on_paying, Action::Pay),
                second: button(texts.i_have_paid, Action::CheckAgain),
                ..Screen::default().saying(texts.not_seen, StatusIcon::None)
            },
            Stage::Code => Screen {
                code: flow
                    .code()
                    .map(|code| scan_code(texts, code.size, &code.path)),
                ..Screen::default().saying(texts.scan, StatusIcon::None)
            },
            Stage::CodeExpired => Screen {
                code: flow.code().map(|code| Code {
                    over: true,
                    ..scan_code(texts, code.size, &code.path)
                }),
                button: button(texts.new_code, Action::Pay),
                ..Screen::default().saying(
                    match flow.code_is_replaced() {
                        true => texts.code_replaced,
                        false => texts.code_expired,
                    },
                    StatusIcon::Notice,
                )
            },
            Stage::Elsewhere => Screen::elsewhere(texts, view, flow.link(), flow.copied()),
            Stage::Ended(end) => Screen::ended(texts, flow, *end),
        };
        // While no payment is in progress, the payer may leave without paying.
        let may_leave = matches!(
            flow.stage(),
            Stage::Ready(_)
                | Stage::Code
                | Stage::CodeExpired
                | Stage::Away { .. }
                | Stage::Elsewhere
        );
        screen.way_back = way_back(texts, view).filter(|_| may_leave);
        // After a failure a payer can leave also where the merchant has no page.
        if screen.way_back.is_none() && matches!(flow.stage(), Stage::Ready(Some(_))) {
            screen.further = Some(texts.may_close);
        }
        // Shown once: the note about it is longer.
        let noted = *flow.stage() == Stage::Ready(Some(Note::NoNetwork));
        screen.banner = (flow.offline() && !noted).then_some(texts.offline);
        if let Some(left_ms) = flow.countdown_ms() {
            let label = match flow.stage() {
                _ if flow.returning() => texts.returning,
                Stage::Code => texts.code_expires_in,
                _ => texts.pay_within,
            };
            screen.countdown = Some((label, clock(left_ms)));
        }
        screen
    }

    fn ready(texts: &'static Texts, flow: &Flow, note: Option<Note>) -> Screen {
        // Without a code there is nothing to pay with yet.
        let again = match (note, flow.view().method) {
            (Some(Note::Cancelled), _) => texts.go_on_paying,
            (_, Method::Native) => texts.try_again,
            _ => texts.pay_again,
        };
        let message = match note {
            None => {
                return Screen {
                    button: button(texts.pay, Action::Pay),
                    ..Screen::default()
                };
            }
            Some(Note::Cancelled) => texts.cancelled,
            Some(Note::Failed) => texts.failed,
            Some(Note::BridgeMissing) => texts.bridge_missing,
            Some(Note::NoNetwork) => texts.no_network,
            Some(Note::Problem(problem)) => texts.problem(problem),
        };
        let button = match note {
            Some(Note::Problem(Problem::SignInAgain | Problem::Snapshot)) => {
                button(texts.reload, Action::Reload)
            }
            // Only the merchant can help.
            Some(Note::Problem(
                Problem::Merchant | Problem::NotSelling | Problem::CannotSignIn,
            )) => None,
            _ => button(again, Action::Pay),
        };
        // The bridge's answer about a sheet proves nothing.
        let from_sheet = matches!(note, Some(Note::Cancelled | Note::Failed));
        let certain = flow.not_charged() && !from_sheet;
        let money = match certain {
            true => texts.not_charged,
            false => texts.perhaps_charged,
        };
        // Closing the sheet is the payer's choice, not an error.
        let icon = if note == Some(Note::Cancelled) {
            StatusIcon::None
        } else {
            StatusIcon::Notice
        };
        Screen {
            button,
            // Nothing has failed where the payer has closed the sheet.
            money: (note != Some(Note::Cancelled)).then_some(money),
            ..Screen::default().saying(message, icon)
        }
    }

    fn elsewhere(
        texts: &'static Texts,
        view: &CheckoutStatus,
        link: Option<&Link>,
        copied: Option<bool>,
    ) -> Screen {
        let message = texts.of_method(view.method);
        let copy = if copied == Some(true) {
            texts.copied
        } else {
            texts.copy_link
        };
        Screen {
            further: (copied == Some(true)).then_some(texts.after_copying),
            open_wechat: view.method.may_open_wechat().then_some(texts.open_wechat),
            button: button(copy, Action::CopyLink),
            copy_by_hand: (copied == Some(false))
                .then(|| (texts.copy_by_hand, link.map(|link| link.url.clone()))),
            code: link.map(|link| Code {
                alt: texts.link_code_alt,
                caption: texts.link_code,
                size: link.size,
                path: link.path.clone(),
                over: false,
            }),
            ..Screen::default().saying(message, StatusIcon::None)
        }
    }

    fn ended(texts: &'static Texts, flow: &Flow, end: End) -> Screen {
        let view = flow.view();
        let mut screen = match end {
            End::PartlyRefunded { paid_at_ms } => Screen {
                paid_at: Some((texts.paid_at, paid_at_ms)),
                way_on: view.success_url.clone().map(|url| (texts.to_merchant, url)),
                ..Screen::default().saying(texts.partly_refunded, StatusIcon::Success)
            },
            End::Refunded { paid_at_ms } => Screen {
                paid_at: Some((texts.paid_at, paid_at_ms)),
                ..Screen::default().saying(texts.refunded, StatusIcon::Notice)
            },
            End::Paid { paid_at_ms } => Screen {
                paid_at: Some((texts.paid_at, paid_at_ms)),
                way_on: view.success_url.clone().map(|url| (texts.to_merchant, url)),
                ..Screen::default().saying(texts.paid, StatusIcon::Success)
            },
            End::Expired => Screen::default().saying(texts.expired, StatusIcon::Notice),
            End::Closed => Screen::default().saying(texts.closed, StatusIcon::Notice),
            End::Refused => Screen::default().saying(texts.refused, StatusIcon::Notice),
            End::Gone(problem) => Screen::problem(texts, problem),
        };
        if let Some(payment) = view.payment.as_ref().filter(|_| end.is_paid()) {
            let number = payment.transaction_id.clone();
            screen.transaction = Some((texts.transaction_number, number));
            let charged = payment.charged_text.clone();
            screen.charged = charged.map(|amount| (texts.charged, amount));
            let receipt = payment.receipt_url.clone();
            screen.receipt = receipt.map(|url| (texts.receipt, url));
        }
        screen.second = button(texts.stay, Action::Stay).filter(|_| flow.returning());
        let paid = matches!(end, End::Paid { .. } | End::PartlyRefunded { .. });
        if !paid {
            screen.way_on = way_back(texts, view);
        }
        screen.money = match end {
            End::Gone(_) => Some(texts.opening_is_free),
            // By the page's own clock: an order may still be paid, as the body
            // says.
            End::Expired if view.state == State::Open => None,
            End::Expired | End::Closed | End::Refused if !view.attempted => Some(texts.not_charged),
            End::Expired | End::Closed | End::Refused => Some(texts.no_payment),
            End::Paid { .. } | End::PartlyRefunded { .. } | End::Refunded { .. } => None,
        };
        // Without an address to go to, the page must still offer a next step.
        if screen.way_on.is_none() {
            let label = if paid { texts.done } else { texts.close };
            screen.button = button(label, Action::Close).filter(|_| flow.can_close());
            let stays = !flow.can_close() || flow.closing();
            screen.further = stays.then_some(texts.may_close);
        }
        screen
    }

    fn problem(texts: &'static Texts, problem: Problem) -> Screen {
        Screen::default().saying(texts.problem(problem), StatusIcon::Notice)
    }

    fn saying(mut self, message: checkout::Message, icon: StatusIcon) -> Screen {
        self.heading = message.heading;
        self.body = message.body;
        self.icon = icon;
        self
    }
}

fn way_back(texts: &'static Texts, view: &CheckoutStatus) -> Option<(&'static str, String)> {
    let url = view.cancel_url.clone()?;
    Some((texts.back_to_merchant, url))
}

fn scan_code(texts: &'static Texts, size: u32, path: &str) -> Code {
    Code {
        alt: texts.scan_alt,
        caption: "",
        size,
        path: String::from(path),
        over: false,
    }
}

/// A number as HTML in groups of four, to be read out: as
/// [`checkout::draw_number`] writes it. The spaces between the groups are the style
/// sheet's, so a copied number has none.
pub(crate) fn in_groups(number: &str) -> String {
    let mut out = String::from("<span>");
    // WeChat's numbers are digits; nothing else is taken for HTML.
    let digits = number.chars().filter(char::is_ascii_alphanumeric);
    for (index, digit) in digits.enumerate() {
        if index > 0 && index % 4 == 0 {
            out.push_str("</span><span>");
        }
        out.push(digit);
    }
    out.push_str("</span>");
    out
}

/// `m:ss`, and `h:mm:ss` from an hour on. A second that has begun counts in
/// full, so `0:00` means that time has run out.
fn clock(left_ms: i64) -> String {
    let seconds = (left_ms + 999) / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    // Without `format!`, whose code no other part of the page uses.
    let mut out = String::with_capacity(7);
    if hours > 0 {
        digits(&mut out, hours);
        out.push(':');
    }
    if hours > 0 && minutes < 10 {
        out.push('0');
    }
    digits(&mut out, minutes);
    out.push(':');
    if seconds < 10 {
        out.push('0');
    }
    digits(&mut out, seconds);
    out
}

/// Appends a number that is not negative.
fn digits(out: &mut String, number: i64) {
    if number >= 10 {
        digits(out, number / 10);
    }
    let last = u32::try_from(number % 10).ok();
    out.extend(last.and_then(|digit| char::from_digit(digit, 10)));
}

/// The `viewBox` of a square drawing.
pub(crate) fn view_box(size: u32) -> String {
    let mut out = String::from("0 0 ");
    digits(&mut out, size.into());
    out.push(' ');
    digits(&mut out, size.into());
    out
}
