//! The console, as a shop's staff use it: on a phone, in their language, with
//! what their role grants.

use crate::browser::{Browser, Key};
use crate::test_system::TestSystem;
use crate::visit;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tests::live::{send, wait_for};
use totp_rs::{Builder, Secret};

const PASSWORD: &str = "a kettle of oolong";

/// The address of an invitation by the operator.
fn invitation(system: &TestSystem, wanted: &Value) -> String {
    let admin = [("authorization", "Bearer admin-token-of-a-test")];
    let address = format!("{}/admin/merchants/demo/invitations", system.gateway());
    let made = send("POST", &address, &admin, wanted.to_string()).json();
    let url = made["data"]["url"].as_str();
    url.unwrap_or_else(|| panic!("no invitation: {made}"))
        .to_owned()
}

/// The six digits of an authenticator app at this moment.
fn code(secret: &str) -> String {
    let secret = Secret::try_from_base32(secret).expect("base32");
    let totp = Builder::new()
        .with_secret(secret)
        .build()
        .expect("a secret");
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    totp.generate(since_1970.expect("a time").as_secs())
        .to_string()
}

/// Answers that are refused are part of signing in.
pub fn refusals_are_expected(person: &Browser) {
    for status in ["401", "403"] {
        person.expects_in_the_console(status);
    }
}

/// A person of this role who has just joined, in English.
pub fn joins(system: &TestSystem, person: &Browser, wanted: &Value, login: &str) {
    joins_as(system, person, wanted, (login, "Mei Chan"));
}

/// As [`joins`], with a name that no other person of the merchant has.
pub fn joins_as(
    system: &TestSystem,
    person: &Browser,
    wanted: &Value,
    (login, name): (&str, &str),
) {
    refusals_are_expected(person);
    person.opens(&invitation(system, wanted));
    person.sees("Join Demo");
    person.writes("Your name", name);
    person.writes("Login name", login);
    person.writes("Password", PASSWORD);
    person.taps("Join");
}

/// Scrolls to a button that may be behind the bar at the bottom, and taps it.
pub fn scrolls_and_taps(person: &Browser, name: &str) {
    person.sees(name);
    person.evaluates(&format!(
        "const named = [...document.querySelectorAll('button, a[href]')]
            .filter((control) => control.innerText.trim() === '{name}');
         named.at(-1)?.scrollIntoView({{ block: 'center' }})"
    ));
    person.taps(name);
}

/// Sets up the second factor; the secret.
fn sets_up_two_steps(person: &Browser) -> String {
    person.taps("Set up two-step sign-in");
    person.writes("Password", PASSWORD);
    person.evaluates("document.querySelector('form').requestSubmit()");
    person.sees("Scan this with an authenticator app");
    let secret = person.evaluates("return document.querySelector('.to-copy code').innerText");
    let secret = secret.as_str().expect("a secret").to_owned();
    person.writes("Code", &code(&secret));
    scrolls_and_taps(person, "Confirm");
    person.sees("Keep these recovery codes");
    scrolls_and_taps(person, "Done");
    person.sees("Recovery codes left: 10");
    secret
}

/// An owner whose rights all work.
fn owner(system: &TestSystem, person: &Browser) -> String {
    joins(system, person, &json!({ "role": "owner" }), "mei");
    person.sees("Your role needs a second factor");
    let secret = sets_up_two_steps(person);
    shows(person, "today");
    person.sees("Paid today");
    secret
}

/// Goes to a page of the console by its address.
pub fn shows(person: &Browser, page: &str) {
    person.evaluates(&format!("location.hash = '#/{page}'"));
}

/// Opens the page again in the language that this browser keeps.
pub fn reads_in(person: &Browser, tag: &str) {
    person.evaluates(&format!(
        "document.cookie = 'weceive_language={tag}; Path=/console/'"
    ));
    person.reloads();
    person.waits_for(&format!("return document.documentElement.lang === '{tag}'"));
}

/// A paid order of the demo merchant.
fn paid_order(system: &TestSystem, number: &str, total_fee: i64) {
    let order = json!({
        "out_trade_no": number,
        "body": "Jasmine pearls, 50 g",
        "total_fee": total_fee,
        "trade_type": "NATIVE",
    });
    let made = system.asks("/v1/order", &order);
    system.scan(made["code_url"].as_str().expect("a code"));
    wait_for("the payment", || {
        let order = system.reads(&format!("/v1/order?out_trade_no={number}"));
        (order["trade_state"] == "SUCCESS").then_some(())
    });
}

/// From an invitation to a found order, on a phone.
#[test]
fn a_viewer_joins_and_finds_an_order_while_typing() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        paid_order(system, "TEA-1001", 4_800);
        paid_order(system, "TEA-2002", 1_250);
        joins(system, person, &json!({ "role": "viewer" }), "viewer");
        person.sees("Paid today HK$60.50");
        person.taps("Orders");
        person.sees("TEA-1001");
        person.writes("Any number: order, transaction, refund", "TEA-2");
        person.waits_for("return document.querySelectorAll('.rows li').length === 1");
        person.does_not_see("TEA-1001");
        person.waits_for("return location.hash === '#/orders?q=TEA-2'");
        // The filters are in the address: a colleague who gets it sees the same.
        person.reloads();
        person.sees("TEA-2002");
        person.does_not_see("TEA-1001");
        person.taps("Jasmine pearls, 50 g");
        person.sees("HK$12.50");
        person.sees("What happened");
        // What the role does not grant is not offered.
        assert_eq!(person.counts("button.danger"), 0);
        person.does_not_see("Refund HK$");
        shows(person, "people");
        person.sees("Not part of your role");
    });
}

#[test]
fn an_owner_needs_two_steps_and_signs_in_with_them() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        let secret = owner(system, person);
        person.taps("More");
        person.taps("Sign out");
        person.writes("Login name", "mei");
        person.writes("Password", "something else");
        person.taps("Sign in");
        person.sees("Login name or password is wrong");
        person.finds_it_accessible("a wrong password");
        person.writes("Password", PASSWORD);
        person.taps("Sign in");
        person.sees("Enter the code from your authenticator app.");
        person.finds_it_accessible("the code");
        // A code works once: the one of the set-up is over after its half minute.
        let used = code(&secret);
        let next = wait_for("the next code", || {
            let next = code(&secret);
            (next != used).then_some(next)
        });
        person.writes("Code", &next);
        person.presses(Key::Enter);
        person.sees("Paid today");
    });
}

/// Half of an order goes back, with a reason; a large amount is typed twice.
#[test]
fn half_of_an_order_is_refunded_with_a_reason() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        paid_order(system, "TEA-3003", 4_800);
        owner(system, person);
        shows(person, "orders/TEA-3003");
        person.sees("HK$48.00");
        person.taps("Refund");
        person.sees("HK$48.00 of HK$48.00 go back to the payer");
        person.taps("Half");
        person.sees("HK$24.00 of HK$48.00 go back to the payer");
        person.sees("HK$24.00 stay with you");
        person.writes("Reason", "One tin was dented");
        person.finds_it_accessible("a refund");
        person.pictures("console-refund");
        person.writes("Amount", "48.01");
        person.evaluates("document.querySelector('dialog form').requestSubmit()");
        person.sees("More than what’s left to refund.");
        person.writes("Amount", "24");
        person.taps("Refund HK$24.00");
        person.sees("Partly refunded");
        person.sees("HK$24.00 refunded, HK$24.00 kept.");
        person.sees("One tin was dented");
        // It arrives without a reload.
        person.sees("Arrived");
        let listed = system.reads("/v1/refunds?out_trade_no=TEA-3003");
        assert_eq!(listed["refunds"][0]["amount"], 2_400);
        assert_eq!(listed["refunds"].as_array().map(Vec::len), Some(1));
        // The owner's name is at the act.
        shows(person, "log");
        person.sees("refund");
        person.taps("Orders");
        person.sees("HK$24.00 refunded");
    });
}

/// From a thousand on the amount is typed twice, and the two must be equal.
#[test]
fn a_large_refund_is_typed_twice() {
    visit(|system, person| {
        paid_order(system, "TEA-7007", 123_400);
        owner(system, person);
        shows(person, "orders/TEA-7007");
        person.taps("Refund");
        person.sees("Type the amount again");
        person.writes("Type the amount again", "1243");
        person.taps("Refund HK$1,234.00");
        person.sees("The two amounts differ.");
        let listed = system.reads("/v1/refunds?out_trade_no=TEA-7007");
        assert_eq!(listed["refunds"], json!([]));
        person.writes("Type the amount again", "1234.00");
        person.taps("Refund HK$1,234.00");
        person.sees("HK$1,234.00 refunded, HK$0.00 kept.");
    });
}

/// A first link in three taps, in Chinese, on a phone: its code is read from the
/// screen, and what it sells appears.
#[test]
fn a_link_is_made_in_chinese_and_sells() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        owner(system, person);
        reads_in(person, "zh-Hans");
        shows(person, "links");
        person.sees("创建第一个收款码");
        person.finds_it_accessible("no links");
        person.taps("新建收款码");
        person.writes("商品名称", "凤凰单丛 100 克");
        person.writes("价格", "88");
        person.taps("生成收款码");
        person.sees("凤凰单丛 100 克");
        person.sees("HK$88.00");
        let address = person.scans_picture("img.qr");
        assert!(address.starts_with(&format!("{}/pay/?l=demo.", system.gateway())));
        person.pictures("console-link");
        person.finds_it_accessible("a link");
        scrolls_and_taps(person, "打印台卡");
        assert_eq!(person.tabs(), 2);
        person.looks_at_tab(1);
        person.sees("凤凰单丛 100 克");
        // A payer buys.
        let payer = Browser::start();
        payer.opens(&address);
        payer.taps("Continue to payment");
        system.scan(&payer.scans());
        payer.sees("Payment successful");
        payer.has_nothing_to_complain_about();
        person.looks_at_tab(0);
        person.sees("已售 1");
        person.sees("已付款");
        scrolls_and_taps(person, "停用");
        person.sees("已停用");
    });
}

#[test]
fn the_till_shows_a_code_and_charges_the_payers() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        joins(system, person, &json!({ "role": "cashier" }), "till");
        person.sees("Paid today");
        person.taps("Till");
        for digit in ["1", "2", "5", "0"] {
            person.taps(digit);
        }
        person.sees("HK$12.50");
        person.finds_it_accessible("the till");
        person.pictures("console-till");
        person.taps("Show a code");
        let shown = person.scans_picture("figure.code svg");
        person.finds_it_accessible("a code at the till");
        system.scan(&shown);
        person.sees("Paid HK$12.50");
        person.pictures("console-till-paid");
        person.taps("Next sale");
        // Quick Pay: a scanner at the keyboard writes the digits and presses Enter.
        person.taps("7");
        person.taps("00");
        person.sees("HK$7.00");
        person.taps("Scan the payer");
        let code = system.control("/sandbox/paycode", &json!({ "payer": "alice" }));
        person.writes("Payment code", code["auth_code"].as_str().expect("a code"));
        person.presses(Key::Enter);
        person.sees("Paid HK$7.00");
        person.taps("Next sale");
        person.sees("Last sale: HK$7.00");
    });
}

#[test]
fn without_a_network_the_console_says_so_and_goes_on() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        joins(system, person, &json!({ "role": "viewer" }), "viewer");
        person.sees("Paid today");
        person.goes_offline();
        person.sees("You’re offline.");
        person.sees("Paid today");
        paid_order(system, "TEA-4004", 900);
        person.is_online_again();
        // No reload.
        person.sees("TEA-4004");
        person.does_not_see("You’re offline.");
    });
}

#[test]
fn an_owner_invites_a_cashier_who_cannot_refund() {
    visit(|system, person| {
        person.has_a_window_of(375, 780);
        paid_order(system, "TEA-5005", 4_800);
        owner(system, person);
        shows(person, "people");
        person.taps("Invite");
        person.writes("Name", "Ah Keung");
        person.sees("Sells, and sees today’s and own orders.");
        person.finds_it_accessible("an invitation");
        person.taps("Make the invitation");
        person.sees("It works once");
        let url = person.evaluates("return document.querySelector('.to-copy code').innerText");
        person.taps("Done");
        person.sees("Open invitations");

        let cashier = Browser::start();
        refusals_are_expected(&cashier);
        cashier.has_a_window_of(375, 780);
        cashier.opens(url.as_str().expect("an address"));
        cashier.sees("Your role: Cashier.");
        cashier.writes("Your name", "Ah Keung");
        cashier.writes("Login name", "keung");
        cashier.writes("Password", PASSWORD);
        cashier.taps("Join");
        cashier.sees("Paid today");
        shows(&cashier, "orders/TEA-5005");
        cashier.sees("HK$48.00");
        cashier.does_not_see("Refund");
        // The server refuses as well.
        let refused = cashier.evaluates(
            "return fetch('/v1/refund', { method: 'POST', body: JSON.stringify({ out_trade_no: 'TEA-5005', refund_fee: 1 }) })
                .then((answer) => answer.status)",
        );
        assert_eq!(refused, 403);
        cashier.has_nothing_to_complain_about();
        person.waits_for("return !document.body.innerText.includes('Open invitations')");
        person.sees("Ah Keung");
    });
}

#[test]
fn every_page_fits_and_is_accessible_in_every_language() {
    visit(|system, person| {
        paid_order(system, "TEA-6006", 123_456);
        system.link(&json!({ "total_fee": 8_800, "stock": 20 }));
        owner(system, person);
        for (scheme, lang) in [("light", "en"), ("dark", "zh-Hans"), ("light", "zh-Hant")] {
            person.prefers("color-scheme", scheme);
            reads_in(person, lang);
            for page in [
                "today",
                "orders",
                "orders/TEA-6006",
                "till",
                "links",
                "deliveries",
                "keys",
                "people",
                "settings",
                "log",
                "account",
            ] {
                shows(person, page);
                person.waits_for(&format!(
                    "return location.hash === '#/{page}' && !document.querySelector('.loading')"
                ));
                std::thread::sleep(Duration::from_millis(300));
                let place = format!("console-{}-{lang}", page.replace('/', "-"));
                person.finds_it_accessible(&place);
                for (width, height) in [(320, 568), (375, 780), (1440, 900)] {
                    person.has_a_window_of(width, height);
                    person.finds_that_it_fits(&format!("{place}-{width}"));
                    person.pictures(&format!("{place}-{width}"));
                }
            }
        }
    });
}
