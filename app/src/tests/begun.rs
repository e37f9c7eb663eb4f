//! A payer who has tapped to pay in a payment link's form.

use super::view;
use crate::flow::{Effect, Flow, Stage};
use checkout::{CheckoutStatus, Method, State};

#[test]
fn a_tap_in_a_links_form_is_the_tap_to_pay() {
    let begun = CheckoutStatus {
        begun: true,
        ..view(Method::Jsapi)
    };
    let (flow, effects) = Flow::begin(begun.clone(), false, 0, 0);
    assert_eq!(*flow.stage(), Stage::Preparing);
    assert_eq!(effects, [Effect::PostOrder]);

    // Nothing is ordered where the payer would leave the page, or cannot pay.
    for other in [
        CheckoutStatus {
            method: Method::H5,
            ..begun.clone()
        },
        CheckoutStatus {
            problem: Some(String::from("OPENID_REQUIRED")),
            ..begun.clone()
        },
        CheckoutStatus {
            state: State::Expired,
            ..begun
        },
    ] {
        let (flow, effects) = Flow::begin(other, false, 0, 0);
        assert_eq!(effects, []);
        assert_ne!(*flow.stage(), Stage::Preparing);
    }
}
