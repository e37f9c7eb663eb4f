//! The payer's actions on the payment sheet, and the reasons why WeChat shows
//! none.

use crate::input::{BadInput, Input};
use crate::wechat::orders::NotPayable;
use serde_json::{Value, json};

/// The payer's action on the sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Pay,
    Cancel,
    /// The bank refuses. The order is unchanged and can be paid again.
    Fail,
}

impl Action {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "pay" => Some(Self::Pay),
            "cancel" => Some(Self::Cancel),
            "fail" => Some(Self::Fail),
            _ => None,
        }
    }
}

/// Why WeChat shows no sheet, or takes no money.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SheetRefusal {
    /// Stable, for programs.
    reason: &'static str,
    /// WeChat's text.
    err_desc: String,
    /// An explanation for developers, in one sentence.
    message: String,
}

impl SheetRefusal {
    pub(crate) fn new(
        reason: &'static str,
        err_desc: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            reason,
            err_desc: err_desc.into(),
            message: message.into(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "ok": false,
            "err_msg": "get_brand_wcpay_request:fail",
            "err_code": "-1",
            "err_desc": self.err_desc,
            "reason": self.reason,
            "message": self.message,
        })
    }
}

impl From<NotPayable> for SheetRefusal {
    fn from(why: NotPayable) -> Self {
        match why {
            NotPayable::Paid => Self::new("ORDERPAID", "该订单已支付", "the order is paid already"),
            NotPayable::Closed => Self::new(
                "ORDERCLOSED",
                "该订单已关闭",
                "the merchant has closed the order",
            ),
            NotPayable::Expired => Self::new(
                "EXPIRED",
                "该订单已过期，请重新下单",
                "the prepayment is older than two hours, or time_expire has passed",
            ),
            NotPayable::NotAsked => Self::new(
                "NOT_ASKED",
                "订单未支付",
                "a Quick Pay order is paid by its code; this one waits for no password",
            ),
        }
    }
}

pub(crate) fn read_action(input: &mut Input) -> Result<Option<Action>, BadInput> {
    let Some(name) = input.text("action")? else {
        return Ok(None);
    };
    Action::from_name(&name)
        .map(Some)
        .ok_or_else(|| input.bad("action", "send pay, cancel or fail"))
}

/// Reads the package without checking it: errors in it are WeChat's answer, not
/// errors of the control call.
pub(crate) fn read_package(input: &mut Input) -> Result<serde_json::Map<String, Value>, BadInput> {
    match input.value("package") {
        Some(Value::Object(package)) => Ok(package),
        _ => Err(input.bad(
            "package",
            "send the object that the page hands to getBrandWCPayRequest, or the app to WeChat's SDK",
        )),
    }
}
