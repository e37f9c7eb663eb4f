//! English.

use super::form::{Texts, message};

pub(super) static TEXTS: Texts = Texts {
    locale: "en-GB",
    loading: "Loading…",
    slow_page: "This is taking longer than usual. Check your connection and load the page again.",
    reload: "Reload",
    offline: "You’re offline. We’ll reconnect automatically.",
    item: "For",
    order_number: "Order no.",
    paid_at: "Paid at",
    transaction_number: "Transaction no.",
    charged: "Charged",
    receipt: "Receipt",
    carried_by: "Powered by {mark}",
    reference: "Reference",

    pay: "Pay now",
    pay_again: "Try again",
    go_on_paying: "Pay now",
    please_wait: "One moment…",
    connecting: "Connecting to WeChat…",
    bridge_missing: message(
        "WeChat is not responding",
        "Try again, or close this page and open the link once more.",
    ),
    sheet_open: message(
        "Complete your payment",
        "Confirm the payment in WeChat Pay.",
    ),
    sheet_slow: "Can’t see WeChat Pay? Open it again. You won’t be charged twice.",
    open_again: "Open WeChat Pay again",
    cancelled: message("Payment cancelled", "You can still pay for this order."),
    failed: message(
        "Payment failed",
        "Try again, or choose another payment method in WeChat.",
    ),
    no_network: message("No connection", "Try again when you’re connected."),

    confirming: message(
        "Confirming your payment…",
        "This takes a few seconds. Please don’t pay again.",
    ),
    confirming_slow: message(
        "Still waiting for WeChat Pay",
        "If you’ve paid, there’s nothing more to do: this page changes as soon as the confirmation arrives, and the merchant is told even if you close it.",
    ),
    check_again: "Check again",
    not_paid_yet: "I haven’t paid yet: open WeChat Pay",
    paid: message("Payment successful", "{amount}"),
    to_merchant: "Return to {merchant}",
    back_to_merchant: "Back to the merchant",
    done: "Done",
    close: "Close",
    returning: "Returning to the merchant in {left}",
    stay: "Stay on this page",
    may_close: "You can close this page.",

    scan: message(
        "Scan with WeChat to pay",
        "Open WeChat, tap Discover\u{a0}›\u{a0}Scan, and scan this code.",
    ),
    scan_alt: "QR code. Scan it with WeChat to pay {amount} to {merchant}.",
    drawing_code: "Preparing your code…",
    code_expires_in: "This code expires in {left}",
    code_expired: message(
        "This code has expired",
        "If you’ve just paid, give it a moment. Otherwise get a new code.",
    ),
    partly_refunded: message(
        "Partly refunded",
        "The merchant has refunded part of this payment. It goes back to the account you paid with.",
    ),
    refunded: message(
        "Refunded",
        "The merchant has refunded this payment. It goes back to the account you paid with.",
    ),
    code_replaced: message(
        "This code no longer works",
        "The payment was opened on another device. Finish it there, or get a new code here.",
    ),
    new_code: "Get a new code",
    pay_within: "Time left to pay {left}",

    away: message(
        "Finish paying in WeChat",
        "Then come back here. This page changes by itself once your payment is confirmed.",
    ),
    i_have_paid: "I’ve paid",
    trouble_paying: "Trouble paying? Pay again",
    not_seen: message(
        "No payment found yet",
        "If you’ve just paid, give it a moment. Otherwise you can pay now.",
    ),

    in_phone_browser: message(
        "Open this page in WeChat",
        "Copy the link, send it to File Transfer in WeChat, and tap it there to pay.",
    ),
    in_other_app: message(
        "Open this page in WeChat",
        "This app can’t pay with WeChat Pay. Copy the link, send it to File Transfer in WeChat, and tap it there to pay.",
    ),
    in_mini_program: message(
        "Open this page in a WeChat chat",
        "A page inside a Mini Program can’t pay. Copy the link, send it to File Transfer in WeChat, and tap it there to pay.",
    ),
    in_wecom: message(
        "Open this page in WeChat",
        "WeCom can’t pay here. Copy the link and open it in WeChat itself.",
    ),
    wechat_too_old: message(
        "Please update WeChat",
        "Your version of WeChat is too old. Update WeChat, then open this link again.",
    ),
    copy_link: "Copy link",
    copied: "Copied",
    after_copying: "Now open WeChat, paste the link into File Transfer, and tap it.",
    open_wechat: "Open WeChat",
    copy_by_hand: "Select the link and copy it",
    link_code: "Or take a screenshot of this code and choose it from your album in WeChat’s Scan, or scan it with another phone",
    link_code_alt: "QR code of this page’s link",

    expired: message(
        "This payment has expired",
        "If you’ve just paid, give it a moment. Otherwise, please contact the merchant.",
    ),
    closed: message(
        "This payment has been closed",
        "It can’t be paid any more. Questions? Contact the merchant.",
    ),
    refused: message(
        "Payment failed",
        "WeChat Pay declined it. Please place the order again with the merchant.",
    ),

    not_charged: "You haven’t been charged.",
    perhaps_charged: "If you’ve been charged, this page shows it once WeChat Pay confirms it.",
    no_payment: "WeChat Pay has received no payment for this order.",
    opening_is_free: "Opening this page doesn’t charge you.",
    unknown_link: message(
        "This link doesn’t work",
        "It may be incomplete. Copy it again, or contact the merchant for a new one.",
    ),
    expired_link: message(
        "This link has expired",
        "Please contact the merchant for a new one.",
    ),
    cannot_sign_in: message(
        "You can’t pay in WeChat here right now",
        "The merchant’s WeChat account isn’t set up for this yet. Please contact the merchant.",
    ),
    sign_in_again: message(
        "WeChat sign-in failed",
        "We couldn’t confirm your WeChat account. Reload to try again.",
    ),
    sign_in_lost: message(
        "WeChat sign-in failed",
        "We couldn’t confirm your WeChat account. Please open the merchant’s link again.",
    ),
    snapshot: message(
        "Tap “Use full service”",
        "WeChat is showing a preview of this page, which cannot take payments. Tap “Use full service” below, then reload.",
    ),
    busy: message(
        "Just a moment",
        "This needs a few more seconds. Please try again shortly.",
    ),
    wechat_unavailable: message(
        "WeChat Pay isn’t answering",
        "Please try again in a moment.",
    ),
    merchant_problem: message(
        "This payment can’t be taken",
        "WeChat Pay doesn’t accept it from this merchant. Please contact the merchant and quote the order number.",
    ),
    not_selling: message(
        "This merchant isn’t taking payments",
        "Nothing can be bought here at the moment. Please contact the merchant.",
    ),
    other_problem: message(
        "We couldn’t start the payment",
        "Something is wrong on our side. Try again in a moment; if it happens again, contact the merchant and quote the number on this page.",
    ),
    try_again: "Try again",
};
