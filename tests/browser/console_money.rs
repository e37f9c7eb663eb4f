//! The console's page of the days that are compared with WeChat's statements.

use crate::browser::Browser;
use crate::console::{joins, joins_as, reads_in, scrolls_and_taps, shows};
use crate::test_system::TestSystem;
use crate::visit;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use tests::live::wait_for;
use wechatpay::common::Date;

/// The account of the demo merchant.
const MCH_ID: &str = "1900000109";
const DAY_MS: i64 = 86_400_000;
/// So many days ago the shop sold something.
const AGO: i64 = 3;

/// Today in China.
fn today() -> Date {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let now_ms = since_1970.expect("a time").as_millis();
    Date::of(i64::try_from(now_ms).expect("a time"))
}

/// The day on which something was sold, as `20260131`.
fn day() -> String {
    Date::of(today().start_ms() - AGO * DAY_MS).to_string()
}

/// Three days ago an order was paid, of which WeChat's statement has another amount. The
/// gateway has compared the day.
fn a_day_that_differs(system: &TestSystem) -> String {
    let account = format!("/sandbox/merchants/{MCH_ID}");
    // The gateway learns of the payment when WeChat has the statement of the day.
    system.control("/sandbox/faults", &json!({ "hold_notices": true }));
    system.control(&account, &json!({ "behind_seconds": AGO * DAY_MS / 1000 }));
    let order = json!({
        "out_trade_no": "TEA-1002",
        "body": "Oolong, 100 g",
        "total_fee": 1_250,
        "trade_type": "NATIVE",
        "notify_url": format!("{}/shop/notify", system.sandbox()),
    });
    let made = system.asks("/v1/order", &order);
    system.scan(made["code_url"].as_str().expect("a code"));
    system.control(&account, &json!({ "behind_seconds": 0 }));
    let row = json!({ "mch_id": MCH_ID, "out_trade_no": "TEA-1002", "wrong": "OTHER_AMOUNT" });
    let faults = json!({ "hold_notices": false, "wrong_row": row });
    system.control("/sandbox/faults", &faults);
    let day = day();
    wait_for("the day's comparison", || {
        let month = day.get(..6)?;
        let found = system.reads(&format!("/v1/reconciliations?month={month}"));
        let days = found["days"].as_array()?;
        days.iter()
            .find(|found| found["date"] == day.as_str() && found["state"] == "done")
            .map(|_| ())
    });
    day
}

/// The days of the month in which something was sold.
fn shows_the_month(person: &Browser, day: &str) {
    shows(person, "money");
    // Today's.
    person.sees("Waiting for the statement");
    if today().to_string().get(..6) != day.get(..6) {
        person.taps("Earlier");
    }
    person.waits_for(&format!(
        "return !!document.querySelector('a[href=\"#/money/{day}\"]')"
    ));
}

fn opens_the_day(person: &Browser, day: &str) {
    person.evaluates(&format!(
        "document.querySelector('a[href=\"#/money/{day}\"]').click()"
    ));
    person.sees("All days of the month");
}

#[test]
fn finance_finds_a_difference_notes_it_and_closes_it() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        let day = a_day_that_differs(system);
        joins(system, person, &json!({ "role": "finance" }), "finance");
        person.sees("Paid today");
        shows_the_month(person, &day);
        person.sees("1 to look at");
        person.sees("Our book");
        person.sees("HK$12.50");
        person.sees("HK$12.51");
        person.sees("−HK$0.01");
        person.finds_it_accessible("a month of days");
        person.pictures("console-money-month");
        person.evaluates(
            "window.files = [];
             const make = URL.createObjectURL.bind(URL);
             URL.createObjectURL = (file) => {
                 file.text().then((text) => window.files.push(text));
                 return make(file);
             };",
        );
        person.taps("Export CSV");
        person.waits_for(
            "return window.files.some((text) => /payment,TEA-1002,.*12[.]51/.test(text))",
        );
        opens_the_day(person, &day);
        person.sees("The amounts differ");
        person.sees("TEA-1002");
        person.sees("Look at the transaction on the merchant platform, and ask WeChat Pay.");
        person.finds_it_accessible("a day");
        person.pictures("console-money-day");
        scrolls_and_taps(person, "Note or close");
        person.sees("It stays with the difference, with your name.");
        person.finds_it_accessible("a note");
        scrolls_and_taps(person, "Close the difference");
        person.sees("Write down what you found out.");
        person.writes("What did you find out?", "The bank rounds.");
        scrolls_and_taps(person, "Only save the note");
        person.sees("The bank rounds.");
        person.sees("Mei Chan");
        scrolls_and_taps(person, "Note or close");
        person.writes("What did you find out?", "WeChat has confirmed it.");
        person.pictures("console-money-note");
        scrolls_and_taps(person, "Close the difference");
        person.sees("WeChat has confirmed it.");
        person.waits_for("return !document.body.innerText.includes('Note or close')");
        let stored = system.reads(&format!("/v1/reconciliation?date={day}"));
        assert_eq!(stored["open"], 0);
        assert_eq!(stored["differences"][0]["state"], "closed");
        let notes = stored["differences"][0]["notes"].as_array().map(Vec::len);
        assert_eq!(notes, Some(2));
        scrolls_and_taps(person, "All days of the month");
        person.sees("Agrees");
        person.does_not_see("1 to look at");
    });
}

/// The server's answer to a note of this person about the difference.
fn tries_to_note(person: &Browser, id: &Value) -> Value {
    person.evaluates(&format!(
        "return fetch('/v1/reconciliation/{id}', {{ method: 'POST', body: JSON.stringify({{ note: 'x', close: true }}) }})
            .then((answer) => answer.status)"
    ))
}

/// A viewer reads; a cashier and a developer do not.
#[test]
fn each_role_sees_and_does_what_it_is_granted() {
    visit(|system, person| {
        let day = a_day_that_differs(system);
        let stored = system.reads(&format!("/v1/reconciliation?date={day}"));
        let id = &stored["differences"][0]["id"];
        joins(system, person, &json!({ "role": "viewer" }), "viewer");
        person.sees("Paid today");
        shows(person, &format!("money/{day}"));
        person.sees("The amounts differ");
        person.does_not_see("Note or close");
        assert_eq!(tries_to_note(person, id), 403);
        shows(person, "money/20200101");
        person.expects_in_the_console("404");
        person.sees("This day isn’t compared");
        shows(person, "money?month=202001");
        person.sees("No day of this month is compared yet.");
        person.sees("From 10:00 China time on the next day");
        person.finds_it_accessible("a month without days");
        for role in ["cashier", "developer"] {
            let other = Browser::start();
            joins_as(system, &other, &json!({ "role": role }), (role, role));
            other.sees("Paid today");
            other.does_not_see("Money");
            shows(&other, "money");
            other.sees("Not part of your role");
            let refused = other.evaluates(
                "return fetch('/v1/reconciliations?month=202601').then((answer) => answer.status)",
            );
            assert_eq!(refused, 403, "{role}");
            assert_eq!(tries_to_note(&other, id), 403, "{role}");
            other.has_nothing_to_complain_about();
        }
        let stored = system.reads(&format!("/v1/reconciliation?date={day}"));
        assert_eq!(stored["differences"][0]["notes"], json!([]));
    });
}

/// What a colleague closes while the network is away is seen when it is back, and the
/// page fits in every language.
#[test]
fn it_is_true_again_after_a_time_without_a_network_and_fits_in_every_language() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        let day = a_day_that_differs(system);
        joins(system, person, &json!({ "role": "finance" }), "finance");
        person.sees("Paid today");
        for (scheme, lang) in [("light", "en"), ("dark", "zh-Hans"), ("light", "zh-Hant")] {
            person.prefers("color-scheme", scheme);
            reads_in(person, lang);
            let month = day.get(..6).expect("a month");
            for place in [format!("money?month={month}"), format!("money/{day}")] {
                shows(person, &place);
                let address = format!("#/money/{day}");
                let seen = match place.contains('?') {
                    true => format!("!!document.querySelector('a[href=\"{address}\"]')"),
                    false => "!!document.querySelector('.facts a')".to_owned(),
                };
                person.waits_for(&format!("return {seen}"));
                let name = if place.contains('?') { "month" } else { "day" };
                let name = format!("console-money-{name}-{lang}");
                person.finds_it_accessible(&name);
                for (width, height) in [(320, 568), (375, 780), (1440, 900)] {
                    person.has_a_window_of(width, height);
                    person.finds_that_it_fits(&format!("{name}-{width}"));
                    person.pictures(&format!("{name}-{width}"));
                }
            }
        }
        reads_in(person, "en");
        shows(person, &format!("money/{day}"));
        person.sees("The amounts differ");
        person.goes_offline();
        person.sees("You’re offline.");
        person.sees("The amounts differ");
        let stored = system.reads(&format!("/v1/reconciliation?date={day}"));
        let id = &stored["differences"][0]["id"];
        let note = json!({ "note": "By a colleague.", "close": true });
        system.asks(&format!("/v1/reconciliation/{id}"), &note);
        person.is_online_again();
        person.sees("By a colleague.");
        person.does_not_see("Note or close");
    });
}
