//! Each language has all texts, and its own.

use super::*;

#[test]
fn every_language_has_its_own_screens() {
    let payer = Payer::opens(view(Method::Jsapi));
    let screens = Lang::ALL.map(|lang| Screen::of(&payer.flow, words(lang)));
    let labels = screens.map(|screen| screen.button.unwrap().label);
    assert_eq!(
        labels,
        [
            "Pay now",
            "立即支付",
            "立即付款",
            "支払う",
            "결제하기",
            "ชำระเงิน"
        ]
    );
}

#[test]
fn every_language_has_the_texts_of_all_screens() {
    for lang in Lang::ALL {
        let texts = texts(lang);
        for message in [
            texts.paid,
            texts.scan,
            texts.confirming,
            texts.merchant_problem,
        ] {
            assert!(!message.heading.is_empty() && !message.body.is_empty());
        }
    }
}
