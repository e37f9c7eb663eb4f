//! Faults of WeChat's bridge: its answer is a hint, and never a payment.

use crate::browser::Browser;
use crate::test_system::TestSystem;
use crate::visit;
use serde_json::json;

const HARMONY: &str = "Mozilla/5.0 (Phone; OpenHarmony 6.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 Safari/537.36 ArkWeb/6.0.0.47 Mobile MicroMessenger/8.0.13.30(0x28000d1e) Weixin NetType/WIFI Language/en";

/// A page in WeChat on a phone, whose payer has tapped and whose bridge is the
/// test's.
fn asked_for_payment(system: &TestSystem, payer: &Browser) -> String {
    payer.calls_itself(HARMONY);
    payer.has_a_window_of(390, 780);
    payer.has_the_phone_of("alice");
    payer.runs_first(crate::BRIDGE);
    let checkout = system.checkout();
    payer.opens(&checkout);
    payer.taps("Pay now");
    payer.sees("Complete your payment");
    checkout
}

#[test]
fn a_bridges_ok_for_an_unpaid_order_triggers_a_query() {
    visit(|system, payer| {
        asked_for_payment(system, payer);
        payer.evaluates("answers(0, 'get_brand_wcpay_request:ok')");
        payer.sees("Confirming your payment…");
        // The page has polled the server, which knows of no payment.
        payer.has_asked("/pay/check", 1);
        payer.has_asked("/pay/status", 1);
        payer.does_not_see("Payment successful");
        assert_eq!(system.orders()[0]["trade_state"], "NOTPAY");
        system.pays_by_the_bridge(payer, 0);
        payer.sees("Payment successful");
    });
}

#[test]
fn a_second_answer_of_the_bridge_changes_nothing() {
    visit(|system, payer| {
        asked_for_payment(system, payer);
        payer.evaluates("answers(0, 'get_brand_wcpay_request:cancel')");
        payer.sees("Payment cancelled");
        payer.evaluates("answers(0, 'get_brand_wcpay_request:fail')");
        payer.sees("Payment cancelled");

        payer.taps("Pay now");
        payer.sees("Complete your payment");
        // A late answer to the first call does not end the second.
        payer.evaluates("answers(0, 'get_brand_wcpay_request:cancel')");
        payer.does_not_see("Payment cancelled");
        system.pays_by_the_bridge(payer, 1);
        payer.evaluates(
            "answers(1, 'get_brand_wcpay_request:ok'); answers(1, 'get_brand_wcpay_request:ok')",
        );
        payer.sees("Payment successful");
        payer.evaluates("answers(1, 'get_brand_wcpay_request:cancel')");
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1, "the same order throughout");
    });
}

/// The page's own clock is moved, because ten seconds are long for a test, too.
#[test]
fn a_bridge_without_an_answer_can_be_called_again() {
    visit(|system, payer| {
        payer.runs_first(
            "const now = performance.now.bind(performance);
             let ahead = 0;
             performance.now = () => now() + ahead;
             window.waits = (ms) => {
                ahead += ms;
                document.dispatchEvent(new Event('visibilitychange'));
             };",
        );
        asked_for_payment(system, payer);
        assert_eq!(payer.counts("button"), 0, "the sheet is over the page");
        payer.evaluates("waits(10_001)");
        payer.taps("Open WeChat Pay again");
        payer.sees("Complete your payment");
        assert_eq!(payer.evaluates("return calls.length"), 2);
        system.pays_by_the_bridge(payer, 1);
        payer.sees("Payment successful");
        assert_eq!(system.orders().len(), 1);
    });
}

#[test]
fn a_bridge_that_throws_counts_as_a_refusal() {
    visit(|system, payer| {
        payer.expects_in_the_console("no such call");
        payer.runs_first("window.throws = () => { throw new Error('no such call') };");
        asked_for_payment(system, payer);
        payer.evaluates("answers(0, 'get_brand_wcpay_request:cancel')");
        payer.sees("Payment cancelled");
        payer.evaluates(
            "WeixinJSBridge.kept = WeixinJSBridge.invoke; WeixinJSBridge.invoke = throws",
        );
        payer.taps("Pay now");
        payer.sees("Payment failed");
        payer.evaluates("WeixinJSBridge.invoke = WeixinJSBridge.kept");
        payer.taps("Try again");
        payer.sees("Complete your payment");
    });
}

/// HarmonyOS opens the sheet only inside a tap.
#[test]
fn a_call_refused_outside_a_tap_is_made_inside_the_next_one() {
    visit(|system, payer| {
        asked_for_payment(system, payer);
        assert_eq!(payer.evaluates("return calls[0].inTap"), false);
        payer.evaluates("answers(0, 'get_brand_wcpay_request:fail')");
        payer.sees("Payment failed");
        payer.taps("Try again");
        payer.sees("Complete your payment");
        assert_eq!(payer.evaluates("return calls[1].inTap"), true);
        assert_eq!(
            payer.evaluates("return [calls[0].name, calls[1].name]"),
            json!(["getBrandWCPayRequest", "getBrandWCPayRequest"])
        );
        system.pays_by_the_bridge(payer, 1);
        payer.evaluates("answers(1, 'get_brand_wcpay_request:ok')");
        payer.sees("Payment successful");
    });
}
