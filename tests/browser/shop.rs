//! The demo shop, from its products to its list of deliveries.

use crate::visit;

#[test]
fn a_purchase_in_the_demo_shop_is_paid_by_a_scan_and_delivered_to_its_inbox() {
    visit(|system, payer| {
        let shop = format!("{}/shop/", system.sandbox());
        payer.opens(&shop);
        payer.sees("Jasmine pearls");
        payer.pictures("shop");
        payer.taps("Checkout");
        payer.is_at(&format!("{}/pay/?s=demo.", system.gateway()));
        payer.sees("Jasmine pearls, 50 g");
        system.scan(&payer.scans());
        payer.taps("Return to");
        payer.sees("Thank you");
        payer.sees("is paid. We are putting the kettle on.");
        payer.pictures("shop-thanks");

        payer.taps("Delivery inbox");
        payer.sees("Paid HK$48.00");
        payer.sees("Attempt 1 acknowledged The signature is right.");
        payer.does_not_see("<result_code>");
        payer.taps("What was sent");
        payer.sees("<result_code>SUCCESS</result_code>");
        payer.pictures("shop-inbox");
    });
}

#[test]
fn an_inbox_shows_each_unacknowledged_delivery() {
    visit(|system, payer| {
        let inbox = format!("{}/shop/inbox", system.sandbox());
        payer.opens(&inbox);
        payer.sees("No deliveries yet.");
        payer.taps("Stop acknowledging");
        payer.sees("Deliveries are not acknowledged");

        payer.opens(&format!("{}/shop/", system.sandbox()));
        payer.taps("Checkout");
        system.scan(&payer.scans());
        payer.sees("Payment successful");
        payer.opens(&inbox);
        payer.sees("not acknowledged The signature is right.");
        payer.taps("Acknowledge again");
        payer.sees("Deliveries are acknowledged.");
    });
}
