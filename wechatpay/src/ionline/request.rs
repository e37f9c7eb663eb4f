//! The fields of every request.
//!
//! ```text
//! service  the call             mch_id     the MID, from iOnline
//! sign_type MD5                     nonce_str
//! [version 1.0] [charset UTF-8]     sign       v2's, with the merchant's key
//! ```

use super::form;
use crate::Secret;
use crate::common::{FieldError, Fields, Problem, SignType, Text};
use order::TradeType;

/// The call: the name by which iOnline routes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// A payment inside WeChat.
    Jspay,
    /// A payment by QR code.
    Native,
    /// A query of an order.
    Query,
    /// A refund.
    Refund,
    /// A query of refunds.
    RefundQuery,
}

impl Service {
    /// Every service of this dialect.
    pub const ALL: [Self; 5] = [
        Self::Jspay,
        Self::Native,
        Self::Query,
        Self::Refund,
        Self::RefundQuery,
    ];

    /// iOnline's name for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jspay => "ionline.pay.weixin.jspay.intl",
            Self::Native => "ionline.pay.weixin.native.intl",
            Self::Query => "ionline.unified.trade.query",
            Self::Refund => "ionline.unified.trade.refund",
            Self::RefundQuery => "ionline.unified.trade.refundquery",
        }
    }

    /// The service with this exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.as_str() == name)
    }

    /// How the payer pays, where the service makes a payment. iOnline's
    /// `trade_type` is the name of the service.
    pub const fn trade_type(self) -> Option<TradeType> {
        match self {
            Self::Jspay => Some(TradeType::Jsapi),
            Self::Native => Some(TradeType::Native),
            Self::Query | Self::Refund | Self::RefundQuery => None,
        }
    }

    /// The service of a request. The caller verifies its signature.
    pub fn of(fields: &Fields) -> Result<Self, FieldError> {
        fields.one_of("service", Self::from_name)
    }
}

/// The first fields of a request.
pub(crate) fn start(service: Service, mch_id: &Text<32>, nonce_str: &Text<32>) -> Fields {
    Fields::new()
        .with("service", service.as_str())
        .with("sign_type", SignType::Md5.as_str())
        .with("mch_id", mch_id.as_str())
        .with("nonce_str", nonce_str.as_str())
}

/// Checks the common fields of a request; returns `mch_id` and `nonce_str`.
pub(crate) fn read(
    fields: &Fields,
    services: &[Service],
) -> Result<(Text<32>, Text<32>), FieldError> {
    if !services.contains(&Service::of(fields)?) {
        return Err(Problem::UnknownValue.of("service"));
    }
    for (field, only) in [
        ("version", "1.0"),
        ("charset", "UTF-8"),
        ("sign_type", SignType::Md5.as_str()),
    ] {
        let given = fields.get_nonempty(field).unwrap_or(only);
        if !given.eq_ignore_ascii_case(only) {
            return Err(Problem::UnknownValue.of(field));
        }
    }
    Ok((fields.text("mch_id")?, fields.text("nonce_str")?))
}

/// The form to send.
pub(crate) fn to_form(fields: Fields, key: &Secret) -> String {
    form::write(&fields.sealed(key, SignType::Md5))
}
