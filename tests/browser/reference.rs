//! `/` and `/docs`: what a person sees who opens the gateway's own address.

use crate::visit;

#[test]
fn the_reference_shows_an_operation_with_its_fields_and_codes() {
    visit(|system, reader| {
        reader.opens(&format!("{}/", system.gateway()));
        reader.sees("WeCeive");
        reader.finds_it_accessible("the first page");
        reader.taps("The API\u{2019}s reference");
        reader.sees("Make an order");
        reader.opens(&format!("{}/docs#/Orders/createOrder", system.gateway()));
        // The reference is open already, and a change of the fragment alone loads nothing.
        reader.reloads();
        reader.sees("Idempotent: the same number with the same terms");
        reader.sees("AMOUNT_INVALID");
        // The viewer's own: each operation is a button beside another in one line, and
        // its headings and regions are what they are.
        let of_the_viewer = ["nested-interactive", "heading-order", "region"];
        reader.finds_it_accessible_but("the reference", &of_the_viewer);
        // No key can be entered, and no call be made.
        assert_eq!(reader.counts(".try-out"), 0);
    });
}
