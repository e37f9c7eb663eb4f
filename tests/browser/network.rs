//! When the network comes and goes.

use crate::visit;

#[test]
fn a_payment_made_while_the_page_was_offline_is_shown_when_it_is_back() {
    visit(|town, payer| {
        payer.opens(&town.checkout());
        let code = payer.scans();
        payer.goes_offline();
        payer.sees("You are offline. This page carries on by itself");
        payer.pictures("desktop-offline");
        town.scan(&code);
        payer.does_not_see("Paid");
        payer.is_online_again();
        payer.sees("Your payment is confirmed.");
        payer.does_not_see("You are offline");
    });
}

#[test]
fn a_tap_without_a_network_starts_nothing_and_can_be_repeated() {
    visit(|town, payer| {
        payer.has_a_window_of(390, 780);
        payer.opens(&town.in_wechat(&town.checkout()));
        payer.sees_control("Pay now");
        payer.goes_offline();
        payer.taps("Pay now");
        payer.sees("No connection");
        payer.pictures("wechat-no-network");
        assert!(town.orders().is_empty());
        payer.is_online_again();
        payer.taps("Pay now");
        payer.taps("Pay HKD 48.00");
        payer.sees("Your payment is confirmed.");
    });
}
