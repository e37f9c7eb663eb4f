//! The first page: today's amounts, a chart of thirty days, the latest orders,
//! and the alarms.

use leptos::prelude::*;

use crate::address::Page;
use crate::api::{self, Alarms, Doctor, Order, Result, Session, Total, Totals};
use crate::app::{App, app};
use crate::browser;
use crate::live::live;
use crate::pages::orders;
use crate::texts::{self as x, t};
use crate::ui::{Built, Part, dy, failed, head, loading, moment, money};
use checkout::fill;

const EVERY_MS: i32 = 8_000;
/// The doctor asks WeChat, so less often.
const DOCTOR_EVERY_MS: i32 = 300_000;
const DAY_MS: i64 = 86_400_000;
/// The days of the chart.
const DAYS: i64 = 30;

/// Sums of a currency.
#[derive(Clone, Debug, Default, PartialEq)]
struct Sums {
    paid: i64,
    paid_count: i64,
    refunded: i64,
    refunded_count: i64,
    net: i64,
}

impl Sums {
    fn of<'a>(totals: impl Iterator<Item = &'a Total>) -> Self {
        totals.fold(Self::default(), |sums, total| Self {
            paid: sums.paid + total.paid_amount,
            paid_count: sums.paid_count + total.paid_count,
            refunded: sums.refunded + total.refunded_amount,
            refunded_count: sums.refunded_count + total.refunded_count,
            net: sums.net + total.net_amount,
        })
    }
}

/// The last days `YYYY-MM-DD`, the oldest first. Noon is on the right day even
/// where the clock changes.
fn days(today_ms: i64, time_zone: &str) -> Vec<String> {
    (0..DAYS)
        .rev()
        .map(|ago| browser::day_of(today_ms - ago * DAY_MS + DAY_MS / 2, time_zone))
        .collect()
}

async fn totals(session: Session) -> Result<(Vec<String>, Vec<Total>)> {
    let zone = &session.merchant.time_zone;
    let today = browser::day_of(browser::now_ms(), zone);
    let begins_ms = browser::day_begins_ms(&today, zone).unwrap_or(session.today.from_ms);
    let days = days(begins_ms, zone);
    let from = days.first().cloned().unwrap_or_else(|| today.clone());
    let found: Totals = api::get(&format!("/v1/totals?by=day&from={from}&to={today}")).await?;
    Ok((days, found.totals))
}

pub(crate) fn page() -> Part {
    let app = app();
    let session = app.session();
    let looks = session.may("look");
    let sums = {
        let session = session.clone();
        live(EVERY_MS, move || totals(session.clone()))
    };
    let last = live(EVERY_MS, orders::latest);
    view! {
        {head(t(x::TODAY).to_owned(), ().built())}
        {looks.then(alarms)}
        {dy(move || sums.failure.get().map(|failure| failed(&failure)))}
        {dy(move || match sums.data.get() {
            None => loading(),
            Some((days, totals)) => figures(&session, &days, &totals),
        })}
        <section>
            <h2>{t(x::LATEST)}</h2>
            {dy(move || match last.data.get() {
                None => loading(),
                Some(page) if page.orders.is_empty() => nothing_yet(app),
                Some(page) => orders::list(&page.orders.into_iter().take(20).collect::<Vec<Order>>()),
            })}
        </section>
        {looks.then(doctor)}
    }
    .built()
}

fn nothing_yet(app: App) -> Part {
    let session = app.session();
    view! {
        <div class="empty">
            <p>{t(x::NO_ORDERS)}</p>
            {session.may("links").then(|| view! { <a class="button" href=Page::Links.href()>{t(x::FIRST_LINK)}</a> })}
        </div>
    }
    .built()
}

fn figures(session: &Session, days: &[String], totals: &[Total]) -> Part {
    let mut currencies = vec![session.merchant.currency.clone()];
    for total in totals {
        if !currencies.contains(&total.currency) {
            currencies.push(total.currency.clone());
        }
    }
    let today = days.last().cloned().unwrap_or_default();
    let each = currencies.into_iter().map(|currency| {
        let of = |total: &&Total| total.currency == currency;
        let now = Sums::of(totals.iter().filter(of).filter(|total| total.period == today));
        let all = Sums::of(totals.iter().filter(of));
        let paid: Vec<i64> = days
            .iter()
            .map(|day| Sums::of(totals.iter().filter(of).filter(|total| total.period == *day)).paid)
            .collect();
        let figure = |label, amount, count: Option<i64>| {
            view! {
                <div><dt>{t(label)}</dt><dd><span class="amount">{money(amount, &currency)}</span>
                    {count.map(|n| view! { <span class="quiet">{fill(t(x::TIMES), &[("n", &n.to_string())])}</span> })}</dd></div>
            }
        };
        view! {
            <section class="card">
                <dl class="figures">
                    {figure(x::PAID_TODAY, now.paid, Some(now.paid_count))}
                    {figure(x::REFUNDED_TODAY, now.refunded, Some(now.refunded_count))}
                    {figure(x::NET_TODAY, now.net, None)}
                </dl>
                {chart(&currency, days, &paid)}
                <p class="quiet">{fill(t(x::THIRTY_DAYS), &[("net", &money(all.net, &currency)),
                    ("paid", &money(all.paid, &currency)), ("refunded", &money(all.refunded, &currency))])}</p>
            </section>
        }
    });
    each.collect_view().built()
}

/// The height of a bar in a chart that is 100 high. A day with a sale has a
/// visible bar.
fn height(paid: i64, most: i64) -> i64 {
    match (paid, most) {
        (1.., 1..) => (paid.saturating_mul(100) / most).max(2),
        _ => 0,
    }
}

/// A bar for each day, and the same as a table for people who do not see it.
fn chart(currency: &str, days: &[String], paid: &[i64]) -> Part {
    let most = paid.iter().copied().max().unwrap_or_default();
    let bars = paid.iter().zip(days).enumerate().map(|(at, (paid, day))| {
        let high = height(*paid, most);
        let class = if at + 1 == days.len() {
            "bar now"
        } else {
            "bar"
        };
        view! {
            <rect class=class x=(at * 10 + 1).to_string() y=(100 - high).to_string() width="8"
                height=high.to_string() rx="1.5">
                <title>{format!("{day}: {}", money(*paid, currency))}</title>
            </rect>
        }
    });
    let rows = paid.iter().zip(days).map(|(paid, day)| {
        view! { <tr><th scope="row">{day.clone()}</th><td>{money(*paid, currency)}</td></tr> }
    });
    let best = paid.iter().zip(days).max_by_key(|(paid, _)| **paid);
    let label = best.map_or_else(String::new, |(paid, day)| {
        fill(
            t(x::CHART_SAYS),
            &[("day", day), ("amount", &money(*paid, currency))],
        )
    });
    let ends = (days.first().cloned(), days.last().cloned());
    view! {
        <figure class="chart">
            <svg viewBox="0 0 300 100" role="img" aria-label=label preserveAspectRatio="none">
                {bars.collect_view()}
                <path class="ground" d="M0 99.5h300"/>
            </svg>
            <figcaption class="quiet"><span>{ends.0}</span><span>{ends.1}</span></figcaption>
            <details><summary>{t(x::AS_TABLE)}</summary>
                <table><caption>{t(x::PAID_PER_DAY)}</caption><tbody>{rows.collect_view()}</tbody></table>
            </details>
        </figure>
    }
    .built()
}

/// The open alarms; nothing where there are none.
fn alarms() -> Part {
    let list = live(EVERY_MS, || api::get::<Alarms>("/v1/alarms?limit=20"));
    dy(move || {
        let found = list.data.get().filter(|found| !found.alarms.is_empty())?;
        let alarm = found.alarms.into_iter().map(|alarm| {
            view! {
                <li class="notice bad">
                    <p lang="en"><strong>{alarm.says.unwrap_or_else(|| alarm.name.clone())}</strong></p>
                    <p class="quiet"><span class="number">{alarm.name} " · " {alarm.subject}</span> " · "
                        <time>{moment(alarm.last_at_ms)}</time></p>
                    {alarm.to_do.map(|to_do| view! {
                        <details><summary>{t(x::WHAT_TO_DO)}</summary><p lang="en">{to_do}</p></details>
                    })}
                </li>
            }
        });
        Some(view! {
            <section aria-label=t(x::ALARMS)><ul class="alarms">{alarm.collect_view()}</ul></section>
        })
    })
}

/// The problems that the doctor finds in the merchant's settings.
fn doctor() -> Part {
    let found = live(DOCTOR_EVERY_MS, || api::get::<Doctor>("/v1/doctor"));
    view! {
        <section>
            <h2>{t(x::DOCTOR)}</h2>
            {dy(move || match found.data.get() {
                None => loading(),
                Some(doctor) => {
                    let wrong = doctor.checks.iter().filter(|check| check.ok == Some(false));
                    let wrong: Vec<_> = wrong.map(|check| view! {
                        <li class="notice bad"><strong>{check.name.clone()}</strong> " " <span lang="en">{check.says.clone()}</span></li>
                    }).collect();
                    let all = doctor.checks.iter().map(|check| {
                        let sign = match check.ok { Some(true) => "✓", Some(false) => "✗", None => "–" };
                        view! { <li><span aria-hidden="true">{sign}</span> " " <strong>{check.name.clone()}</strong> " "
                            <span class="quiet" lang="en">{check.says.clone()}</span></li> }
                    }).collect_view();
                    view! {
                        {(wrong.is_empty() && doctor.healthy).then(|| view! { <p>{t(x::DOCTOR_FINE)}</p> })}
                        <ul class="alarms">{wrong}</ul>
                        <details><summary>{t(x::ALL_CHECKS)}</summary><ul class="checks">{all}</ul></details>
                    }.built()
                }
            })}
            {dy(move || found.failure.get().map(|failure| failed(&failure)))}
        </section>
    }
    .built()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_seen_where_something_was_sold_and_only_there() {
        assert_eq!(height(0, 500), 0);
        assert_eq!(height(1, 1_000_000), 2);
        assert_eq!(height(250, 500), 50);
        assert_eq!(height(500, 500), 100);
        assert_eq!(height(0, 0), 0);
    }

    #[test]
    fn sums_add_up_by_currency() {
        let total = |paid_amount, refunded_amount| Total {
            period: "2026-01-02".to_owned(),
            currency: "HKD".to_owned(),
            paid_amount,
            paid_count: 1,
            refunded_amount,
            refunded_count: 1,
            net_amount: paid_amount - refunded_amount,
        };
        let sums = Sums::of([total(500, 0), total(100, 250)].iter());
        assert_eq!((sums.paid, sums.refunded, sums.net), (600, 250, 350));
        assert_eq!((sums.paid_count, sums.refunded_count), (2, 2));
    }
}
