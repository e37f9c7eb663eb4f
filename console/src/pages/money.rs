//! The days, each compared with WeChat's statement of it, and what a person does
//! about a difference.

use leptos::prelude::*;

use crate::address::{Address, Page};
use crate::api::{
    self, Day, DaySums, Days, Difference, Result, Session, Settlement, Settlements, Side,
};
use crate::app::app;
use crate::browser;
use crate::json::object;
use crate::live::{Live, live};
use crate::texts::{self as x, t};
use crate::ui::{
    Act, Built, Field, Part, badge, button, dialog, dy, failed, form, head, loading, money,
    nothing, time,
};
use crate::words;
use checkout::fill;

const EVERY_MS: i32 = 15_000;
/// WeChat is asked for its settlements, so less often.
const SETTLEMENTS_EVERY_MS: i32 = 300_000;
/// The days of WeChat's statements begin at midnight here.
const CHINA: &str = "Asia/Shanghai";

/// The amounts of a currency on one side: what was paid, what went back, and the rest.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Amounts {
    paid: i64,
    returned: i64,
    count: i64,
}

impl Amounts {
    const fn net(self) -> i64 {
        self.paid - self.returned
    }

    fn of<'a>(currency: &str, sums: impl Iterator<Item = &'a DaySums>) -> Self {
        let of_currency = sums.filter(|sums| sums.currency == currency);
        of_currency.fold(Self::default(), |all, sums| Self {
            paid: all.paid + sums.paid_amount,
            returned: all.returned + sums.refunded_amount + sums.reversed_amount,
            count: all.count + sums.paid_count,
        })
    }
}

/// The currencies of some days, the shop's first.
fn currencies(own: &str, days: &[Day]) -> Vec<String> {
    let mut all = vec![own.to_owned()];
    for sums in days
        .iter()
        .flat_map(|day| day.ours.iter().chain(&day.theirs))
    {
        if !all.contains(&sums.currency) {
            all.push(sums.currency.clone());
        }
    }
    all
}

/// The month before or after `YYYYMM`; `None` for a text that is no month.
fn month_beside(month: &str, later: bool) -> Option<String> {
    let (year, month) = month.split_at_checked(4)?;
    let (year, month): (i32, i32) = (year.parse().ok()?, month.parse().ok()?);
    let months = year * 12 + month - 1 + if later { 1 } else { -1 };
    Some(format!("{:04}{:02}", months / 12, months % 12 + 1))
}

/// The month `YYYYMM` of this moment in China.
fn this_month() -> String {
    let today = browser::day_of(browser::now_ms(), CHINA).replace('-', "");
    today.get(..6).unwrap_or_default().to_owned()
}

/// The month in the address, or the present one.
fn month_of(address: &Address) -> String {
    let month = address.filter("month");
    match month.len() == 6 && month_beside(&month, true).is_some() {
        true => month,
        false => this_month(),
    }
}

pub(crate) fn page() -> Part {
    let app = app();
    let session = app.session();
    let month = Memo::new(move |_| app.address.with(month_of));
    let found = live(EVERY_MS, move || {
        let month = month.get();
        async move {
            let path = format!("/v1/reconciliations?month={month}");
            let found = api::get::<Days>(&path).await;
            found.map(|found| (month, found.days))
        }
    });
    let act = Act::new();
    let save = move || download(act, "reconciliations?month", &month.get_untracked());
    view! {
        {head(t(x::MONEY).to_owned(), button(x::EXPORT, "button second small", act, save))}
        {dy(move || months(&month.get()))}
        {act.problem()}
        {dy(move || found.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match found.data.get() {
            Some((of, days)) if of == month.get() => month_view(&session, &of, &days),
            _ => loading(),
        })}
        {settlements(month)}
    }
    .built()
}

/// The month's name, with the ways to the months beside it.
fn months(month: &str) -> Part {
    let link = |later: bool, label| {
        let beside = month_beside(month, later).filter(|to| *to <= this_month());
        beside.map(|to| {
            let href = Address::of(Page::Money).with("month", &to).write();
            view! { <a class="button second small" href=href>{t(label)}</a> }
        })
    };
    view! {
        <div class="months">
            <h2>{browser::local_date(&format!("{month}01"), app().lang.get_untracked().tag(), true)}</h2>
            <div class="actions">{link(false, x::EARLIER_MONTH)}{link(true, x::LATER_MONTH)}</div>
        </div>
    }
    .built()
}

fn download(act: Act, what: &'static str, of: &str) {
    let path = format!("/v1/{what}={of}&format=csv");
    let name = format!("statements-{of}.csv");
    act.run(
        async move { api::download(&path, &name).await },
        move |()| {
            app().says(x::SAVED);
        },
    );
}

fn month_view(session: &Session, month: &str, days: &[Day]) -> Part {
    if days.is_empty() {
        return view! { <div class="empty"><p>{t(x::NO_DAYS)}</p><p class="quiet">{t(x::HOW_DAYS_ARE_COMPARED)}</p></div> }
            .built();
    }
    let all = currencies(&session.merchant.currency, days);
    let sum = all.iter().filter_map(|currency| {
        let done = || days.iter().filter(|day| is_compared(day));
        let ours = Amounts::of(currency, done().flat_map(|day| &day.ours));
        let theirs = Amounts::of(currency, done().flat_map(|day| &day.theirs));
        (ours != theirs || ours != Amounts::default())
            .then(|| sides(currency, ours.net(), theirs.net()))
    });
    let rows = days.iter().rev().map(|day| row(day, &all));
    view! {
        <section class="card" aria-label=t(x::MONTH_IN_ALL)>{sum.collect_view()}</section>
        <ul class="rows" aria-label=month.to_owned()>{rows.collect_view()}</ul>
    }
    .built()
}

/// One day of the list.
fn row(day: &Day, all: &[String]) -> Part {
    let each = all.iter().filter_map(|currency| {
        let (ours, theirs) = both(day, currency)?;
        Some(sides(currency, ours.net(), theirs.net()))
    });
    let count: i64 = day.ours.iter().map(|sums| sums.paid_count).sum();
    view! {
        <li><a class="row" href=Page::Money.href_of(&day.date)>
            <span class="what"><strong>{date(&day.date)}</strong>
                {(count > 0).then(|| view! { <span class="quiet">{fill(t(x::TIMES), &[("n", &count.to_string())])}</span> })}</span>
            <span class="how-much">{state(day)}</span>
            <span class="both">{each.collect_view()}</span>
        </a></li>
    }
    .built()
}

/// Whether both sides are complete. Until the day is done, each would seem to lack something.
fn is_compared(day: &Day) -> bool {
    day.state == "done"
}

/// The amounts of both sides, where the day has some in this currency and is compared.
fn both(day: &Day, currency: &str) -> Option<(Amounts, Amounts)> {
    let ours = Amounts::of(currency, day.ours.iter());
    let theirs = Amounts::of(currency, day.theirs.iter());
    let has_some = ours != Amounts::default() || theirs != Amounts::default();
    (has_some && is_compared(day)).then_some((ours, theirs))
}

/// An amount of the book, the same in WeChat's statement, and the difference.
fn sides(currency: &str, ours: i64, theirs: i64) -> Part {
    let difference = ours - theirs;
    view! {
        <span class="sides">
            <span><span class="quiet">{t(x::BOOK)}</span> <span class="amount">{money(ours, currency)}</span></span>
            <span><span class="quiet">{t(x::STATEMENT)}</span> <span class="amount">{money(theirs, currency)}</span></span>
            <span class:wrong=move || difference != 0><span class="quiet">{t(x::DIFFERENCE)}</span>
                <span class="amount">{money(difference, currency)}</span></span>
        </span>
    }
    .built()
}

/// The state of a day in words.
fn state(day: &Day) -> Part {
    let open = day.open + day.not_kept;
    match day.state.as_str() {
        "done" if open > 0 => {
            view! { <span class="badge bad">{fill(t(x::DAY_DIFFERS), &[("n", &open.to_string())])}</span> }.built()
        }
        "done" => badge("good", t(x::DAY_AGREES)),
        "given_up" => badge("bad", t(x::DAY_NOT_COMPARED)),
        "waiting" => badge("wait", t(x::DAY_WAITS)),
        _ => badge("wait", t(x::DAY_IN_PROGRESS)),
    }
}

/// A day `YYYYMMDD` in the reader's language.
fn date(day: &str) -> String {
    browser::local_date(day, app().lang.get_untracked().tag(), false)
}

/// What WeChat paid out for a month; nothing where WeChat does not say.
fn settlements(month: Memo<String>) -> Part {
    let found = live(SETTLEMENTS_EVERY_MS, move || settled(month.get()));
    dy(move || {
        let records = found.data.get()?.records;
        (!records.is_empty()).then(|| {
            let record = |record: &Settlement| {
                let paid_out = record.settlement_fee.parse().unwrap_or_default();
                let day = record.date_settlement.as_deref().unwrap_or_default();
                let span = [&record.date_start, &record.date_end].map(|day| day.as_deref().map(date).unwrap_or_default());
                view! {
                    <li class="row"><span class="what"><strong>{date(day)}</strong>
                        <span class="quiet">{span.join(" – ")}</span></span>
                        <span class="how-much"><strong class="amount">{money(paid_out, &record.settlementfee_type)}</strong></span></li>
                }
            };
            view! { <section><h2>{t(x::SETTLEMENTS)}</h2>
                <ul class="rows">{records.iter().map(record).collect_view()}</ul></section> }
        })
    })
}

async fn settled(month: String) -> Result<Settlements> {
    let today = browser::day_of(browser::now_ms(), CHINA).replace('-', "");
    let end = today.min(format!("{month}{:02}", last_day(&month)));
    api::get(&format!(
        "/v1/settlement?date_start={month}01&date_end={end}&limit=20"
    ))
    .await
}

/// The last day of a month `YYYYMM`.
fn last_day(month: &str) -> u32 {
    let number = |digits: Option<&str>| {
        digits
            .and_then(|digits| digits.parse::<u32>().ok())
            .unwrap_or(1)
    };
    let year = number(month.get(..4));
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match number(month.get(4..)) {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// One day with its differences.
pub(crate) fn one(day: &str) -> Part {
    let app = app();
    let session = app.session();
    let path = format!("/v1/reconciliation?date={}", crate::address::encode(day));
    let found = {
        let path = path.clone();
        live(EVERY_MS, move || {
            let path = path.clone();
            api::get::<Day>(&path)
        })
    };
    // What was loaded with `More`, and where the next page begins.
    let more = RwSignal::new(Vec::<Difference>::new());
    let after = RwSignal::new(None::<Option<i64>>);
    let noted = RwSignal::new(None::<Difference>);
    let (act, load) = (Act::new(), Act::new());
    let of = day.to_owned();
    let save = move || download(act, "reconciliation?date", &of);
    let load_more = move || {
        let next = after
            .get_untracked()
            .unwrap_or_else(|| found.data.get_untracked()?.after);
        let Some(next) = next else {
            return;
        };
        let path = format!("{path}&after={next}");
        load.run(api::get::<Day>(&path), move |day: Day| {
            after.set(Some(day.after));
            more.update(|more| more.extend(day.differences));
        });
    };
    let load_more = StoredValue::new_local(load_more);
    let month = day.get(..6).unwrap_or_default();
    let back = Address::of(Page::Money).with("month", month).write();
    view! {
        {head(date(day), button(x::EXPORT, "button second small", act, save))}
        <p><a href=back>{t(x::TO_MONTH)}</a></p>
        {act.problem()}
        {dy(move || found.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match found.data.get() {
            None if found.failure.with(Option::is_some) => nothing(),
            None => loading(),
            Some(day) => {
                let has_more = after.get().unwrap_or(day.after).is_some();
                let differences: Vec<Difference> = day.differences.iter().cloned().chain(more.get()).collect();
                view! {
                    {summary(&session, &day)}
                    {listed(&session, &differences, noted)}
                    {has_more.then(|| view! {
                        <button type="button" class="button second" class:busy=load.busy
                            on:click=move |_| load_more.with_value(|load_more| load_more())>{t(x::LOAD_MORE)}</button>
                    })}
                    {load.problem()}
                }.built()
            }
        })}
        {dy(move || noted.get().map(|difference| note(difference, move || noted.set(None), found, more)))}
    }
    .built()
}

/// The sums of both sides, the fees, and what the state means.
fn summary(session: &Session, day: &Day) -> Part {
    let each = currencies(&session.merchant.currency, core::slice::from_ref(day));
    let each = each.iter().filter_map(|currency| {
        let (ours, theirs) = both(day, currency)?;
        let lines = [
            (x::PAID, ours.paid, theirs.paid),
            (x::RETURNED, ours.returned, theirs.returned),
            (x::NET, ours.net(), theirs.net()),
        ];
        Some(lines.map(
            |(label, ours, theirs)| view! { <h2 class="side-of">{t(label)}</h2>{sides(currency, ours, theirs)} },
        ))
    });
    let fees = day.fees.iter().map(|fee| {
        view! { <p class="quiet">{t(x::FEES)} " " <span class="amount">{fee.currency.clone()} " " {fee.amount.clone()}</span></p> }
    });
    let says = match (day.state.as_str(), day.source.as_str()) {
        ("waiting", _) => Some(x::DAY_WAITS_SAYS),
        ("given_up", _) => Some(x::DAY_NOT_COMPARED_SAYS),
        ("done", "queries") => Some(x::DAY_BY_QUERIES),
        _ => None,
    };
    view! {
        <section class="card" aria-label=t(x::STATE)>
            <p>{state(day)}</p>
            {says.map(|says| view! { <p>{t(says)}</p> })}
            {day.problem.clone().map(|problem| view! { <p class="quiet" lang="en">{problem}</p> })}
            {each.collect_view()}
            {fees.collect_view()}
            {(day.not_kept > 0).then(|| view! { <p class="notice bad">{fill(t(x::NOT_KEPT), &[("n", &day.not_kept.to_string())])}</p> })}
        </section>
    }
    .built()
}

fn listed(
    session: &Session,
    differences: &[Difference],
    noted: RwSignal<Option<Difference>>,
) -> Part {
    if differences.is_empty() {
        return nothing();
    }
    let may = session.may("books");
    let cards = differences
        .iter()
        .map(|difference| card(difference, may, noted));
    view! {
        <section>
            <h2>{t(x::DIFFERENCES)}</h2>
            <ul class="cards">{cards.collect_view()}</ul>
        </section>
    }
    .built()
}

/// One difference: both sides, what to do, and what people have found out.
fn card(difference: &Difference, may: bool, noted: RwSignal<Option<Difference>>) -> Part {
    let (kind, state) = words::difference_state(&difference.state);
    let side = |label, side: &Option<Side>| {
        let side = side.as_ref();
        let says = side.map_or_else(
            || t(x::NOT_THERE).to_owned(),
            |side| money(side.amount, &side.currency),
        );
        view! { <div><dt>{t(label)}</dt><dd class="amount">{says}</dd></div> }
    };
    let order = difference.out_trade_no.clone().map(|number| {
        view! { <div><dt>{t(x::OUT_TRADE_NO)}</dt>
        <dd class="number"><a href=Page::Orders.href_of(&number)>{number.clone()}</a></dd></div> }
    });
    let fact = |label, value: Option<String>| {
        value.map(|value| view! { <div><dt>{t(label)}</dt><dd class="number">{value}</dd></div> })
    };
    let theirs = difference.theirs.as_ref();
    let to_do = (difference.state == "open")
        .then(|| words::difference_to_do(&difference.reason))
        .flatten();
    let notes = difference.notes.iter().map(|note| {
        let who = words::actor(&note.by, note.name.as_deref());
        view! { <li><p>{note.text.clone()}</p><p class="quiet"><span>{who}</span><time>{time(note.at_ms)}</time></p></li> }
    });
    let shown = difference.clone();
    view! {
        <li class="card">
            <p class="top"><strong>{words::difference_reason(&difference.reason)}</strong> {badge(kind, t(state))}</p>
            <dl class="facts">
                {order}
                {fact(x::REFUND, difference.out_refund_no.clone())}
                {side(x::BOOK, &difference.ours)}
                {side(x::STATEMENT, &difference.theirs)}
                {fact(x::TRANSACTION_ID, theirs.and_then(|side| side.wechat_number.clone()))}
                {fact(x::PAID_AT, theirs.and_then(|side| side.at_ms).map(time))}
                {fact(x::ROW, difference.row.clone())}
            </dl>
            {difference.problem.clone().map(|problem| view! { <p class="quiet" lang="en">{problem}</p> })}
            {to_do.map(|to_do| view! { <p><strong>{t(x::WHAT_TO_DO)}</strong> " " {t(to_do)}</p> })}
            {(!difference.notes.is_empty()).then(|| view! { <ul class="notes">{notes.collect_view()}</ul> })}
            {(may && difference.state == "open").then(|| view! {
                <button type="button" class="button second small" on:click=move |_| noted.set(Some(shown.clone()))>
                    {t(x::NOTE)}</button>
            })}
        </li>
    }
    .built()
}

/// The dialog in which a person writes down what was found out, and may close the
/// difference.
fn note(
    difference: Difference,
    close: impl Fn() + Copy + Send + 'static,
    day: Live<Day>,
    more: RwSignal<Vec<Difference>>,
) -> Part {
    let text = RwSignal::new(String::new());
    let problem = RwSignal::new(None);
    let act = Act::new();
    let id = difference.id;
    // A click that is repeated after an answer was lost is the same note.
    let once = [false, true].map(|_| format!("console-{}", browser::random_text(20)));
    let send = move |closes: bool| {
        let said = text.get_untracked().trim().to_owned();
        if said.is_empty() {
            problem.set(Some(t(x::NOTE_EMPTY)));
            browser::focus("note-text");
            return;
        }
        let body = object! { "note": said, "close": closes };
        let [noted, closed] = &once;
        let once = if closes {
            closed.clone()
        } else {
            noted.clone()
        };
        let path = format!("/v1/reconciliation/{id}");
        act.run(
            api::post_once::<Difference>(&path, &body, &once),
            move |changed: Difference| {
                app().says(if closes {
                    x::DIFFERENCE_CLOSED
                } else {
                    x::SAVED
                });
                more.update(|more| {
                    for known in more.iter_mut().filter(|known| known.id == id) {
                        known.clone_from(&changed);
                    }
                });
                day.again();
                close();
            },
        );
    };
    let saves = send.clone();
    dialog(
        t(x::NOTE).to_owned(),
        close,
        form(
            move || send(true),
            view! {
                <p>{words::difference_reason(&difference.reason)} " " <span class="number">{difference.out_trade_no}</span></p>
                {Field::new("note-text", x::FOUND_OUT, text).hint(x::FOUND_OUT_HINT).problem(problem).view()}
                {act.problem()}
                <div class="two">
                    {button(x::SAVE_NOTE, "button second", act, move || saves(false))}
                    {act.submit(x::CLOSE_DIFFERENCE)}
                </div>
            }
            .built(),
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_months_beside_a_month_are_found_across_years() {
        assert_eq!(month_beside("202601", false).as_deref(), Some("202512"));
        assert_eq!(month_beside("202512", true).as_deref(), Some("202601"));
        assert_eq!(month_beside("202606", true).as_deref(), Some("202607"));
        for wrong in ["", "2026", "2026xx", "……"] {
            assert_eq!(month_beside(wrong, true), None, "{wrong}");
        }
    }

    #[test]
    fn a_month_ends_on_its_last_day() {
        for (month, last) in [
            ("202602", 28),
            ("202402", 29),
            ("202604", 30),
            ("202612", 31),
        ] {
            assert_eq!(last_day(month), last, "{month}");
        }
    }

    #[test]
    fn what_went_back_counts_against_what_was_paid() {
        let sums = |currency: &str, paid, refunded, reversed| DaySums {
            currency: currency.to_owned(),
            paid_amount: paid,
            paid_count: 1,
            refunded_amount: refunded,
            reversed_amount: reversed,
        };
        let all = [
            sums("HKD", 500, 100, 50),
            sums("USD", 7, 0, 0),
            sums("HKD", 20, 0, 0),
        ];
        let amounts = Amounts::of("HKD", all.iter());
        assert_eq!(
            (amounts.paid, amounts.returned, amounts.net(), amounts.count),
            (520, 150, 370, 2)
        );
    }

    /// A statement that is half read would seem to lack payments.
    #[test]
    fn the_sides_are_compared_once_the_statement_is_read() {
        let day = |state: &str| Day {
            date: "20260102".to_owned(),
            state: state.to_owned(),
            ours: vec![DaySums {
                currency: "HKD".to_owned(),
                paid_amount: 5,
                ..DaySums::default()
            }],
            ..Day::default()
        };
        assert!(both(&day("done"), "HKD").is_some());
        assert!(both(&day("done"), "USD").is_none());
        assert!(both(&day("waiting"), "HKD").is_none());
        assert!(both(&day("asking"), "HKD").is_none());
        assert!(both(&day("given_up"), "HKD").is_none());
    }
}
